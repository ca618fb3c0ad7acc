"""Many small tensors as few large ones."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora.batches import by_shape, each, times

SHAPES = st.lists(st.sampled_from([(2,), (3,), (2, 3), (1, 2, 3)]), min_size=1, max_size=8)


@given(shapes=SHAPES)
def test_positions_are_kept(shapes):
    tensors = [torch.randn(shape) for shape in shapes]
    groups = by_shape(tensors)
    assert sorted(position for positions, _ in groups for position in positions) == list(range(len(tensors)))
    assert len(groups) == len(set(shapes))
    doubled = each(lambda stack: 2 * stack, tensors)
    assert all(torch.equal(a, 2 * b) for a, b in zip(doubled, tensors, strict=True))


def test_lists_are_put_together_where_both_are_alike():
    one = [torch.ones(2), torch.ones(2), torch.ones(2)]
    two = [torch.ones(3), torch.ones(1), torch.ones(3)]
    assert [positions for positions, _ in by_shape(one, two)] == [[0, 2], [1]]
    sums = each(lambda a, b: a.sum(1, keepdim=True) + b, one, two)
    assert [tensor.tolist() for tensor in sums] == [[3, 3, 3], [3], [3, 3, 3]]
    assert len(by_shape([torch.ones(2), torch.ones(2).double()])) == 2


def test_all_are_scaled():
    tensors = [torch.ones(2), torch.ones(3, 1)]
    assert [t.flatten().tolist() for t in times(tensors, torch.tensor(3.0))] == [[3, 3], [3, 3, 3]]
