"""Where a tensor that processes share is cut, checked on the cuts themselves; test_fsdp.py trains on them."""

import pytest
import torch

from adalora.shards import _bounds, here, part, whole


@pytest.mark.parametrize("size", range(8))
@pytest.mark.parametrize("count", range(1, 6))
def test_shards_lie_where_torch_cuts(size, count):
    cut = [chunk.tolist() for chunk in torch.arange(size).chunk(count) if len(chunk)]
    ours = [list(range(begin, end)) for begin, end in _bounds(size, count)]
    assert len(ours) == count
    assert [one for one in ours if one] == cut


def test_a_plain_tensor_is_whole_and_all_here():
    tensor = torch.zeros(2)
    assert whole([tensor])[0] is here(tensor) is part(tensor, tensor) is tensor
