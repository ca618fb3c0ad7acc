"""Masks over all updates at once."""

import torch

from adalora import SVDUpdate
from adalora.pruning import hold_, kept, living, prune_


def updates():
    found = [SVDUpdate(4, 5, 3), SVDUpdate(6, 5, 2), SVDUpdate(4, 5, 3, stack=2)]
    for update in found:
        torch.nn.init.ones_(update.lam)
    return found


def test_masks_are_kept_and_the_others_are_zero():
    ours = updates()
    alive = torch.tensor([1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0]).bool()
    prune_(ours, alive)
    assert torch.equal(living(ours), alive)
    assert [update.lam.tolist() for update in ours] == [[1, 0, 1], [0, 0], [[1, 0, 0], [0, 1, 0]]]
    assert kept(ours) == [update.rank for update in ours] == [2, 0, 2]
    for update in ours:
        torch.nn.init.constant_(update.lam, 2.0)
    hold_(ours)
    assert [update.lam.tolist() for update in ours] == [[2, 0, 2], [0, 0], [[2, 0, 0], [0, 2, 0]]]
