"""The table of layer kinds."""

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from adalora.layers import KINDS, kind_of


@pytest.mark.parametrize(("base", "shape"), [(nn.Linear(5, 4), (4, 5)), (Conv1D(4, 5), (4, 5))])
def test_every_kind_acts_as_its_arranged_matrix_does(base, shape):
    kind = kind_of(base)
    assert kind.shape(base) == shape
    left, right, x = torch.randn(4, 2), torch.randn(2, 5), torch.randn(3, 5)
    bias = base.bias.detach().clone()
    base.weight.data = kind.arrange(left @ right).contiguous()
    torch.testing.assert_close(kind.apply(x, left, right), base(x) - bias, rtol=1e-5, atol=1e-5)


def test_a_subclass_is_another_kind():
    class Other(nn.Linear):
        pass

    assert kind_of(Other(2, 2)) is None
    assert kind_of(nn.LayerNorm(2)) is None
    # nn.MultiheadAttention reads its projection's weight and never calls it, so an adapter there would be dead.
    assert kind_of(nn.MultiheadAttention(4, 2).out_proj) is None
    assert len({kind.module for kind in KINDS}) == len(KINDS)
