"""Factors side by side: nothing is lost, and module order is kept."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora import SVDUpdate
from adalora.stacks import Layout

SIZES = st.sampled_from([(4, 5, None), (6, 5, None), (4, 5, 2)])


@given(sizes=st.lists(st.tuples(SIZES, st.integers(0, 4)), min_size=1, max_size=6))
def test_views_are_the_updates_and_triplets_come_in_module_order(sizes):
    updates = [SVDUpdate(d1, d2, rank, stack=stack) for (d1, d2, stack), rank in sizes]
    layout = Layout(updates)
    assert len(layout.groups) == len({size for size, _ in sizes})
    stacks = layout.zeros()
    weights = [weight.detach() for one in updates for weight in (one.P, one.lam, one.Q)]
    views = layout.views(stacks)
    assert [view.shape for view in views] == [weight.shape for weight in weights]
    number = 0
    for one in updates:
        one.lam.data = torch.arange(number, number + one.lam.numel()).float().view(one.lam.shape)
        number += one.lam.numel()
    torch._foreach_copy_(views, [w.detach() for one in updates for w in (one.P, one.lam, one.Q)])
    assert layout.triplets(stacks[1::3]).tolist() == list(range(number))
    for row, one in zip(layout.rows(stacks[1::3]), updates, strict=True):
        assert torch.equal(row, one.lam)


def test_half_precision_is_stacked_in_float32_and_apart():
    updates = [SVDUpdate(4, 5, 2), SVDUpdate(4, 5, 2).half(), SVDUpdate(4, 5, 2).double()]
    layout = Layout(updates)
    assert [group.dtype for group in layout.groups] == [torch.float32, torch.float32, torch.float64]
    assert layout.key != Layout(updates[:2]).key
