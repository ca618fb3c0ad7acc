"""Masks over all updates at once: which triplets live, and what that does to λ."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .shards import here, part
from .updates import SVDUpdate


@torch.no_grad()
def prune_(updates: Sequence[SVDUpdate], alive: Tensor) -> None:
    """Keep the triplets in ``alive``, a mask over all of them in order, and set λ to zero in the others."""
    parts = torch.split(alive, [update.mask.numel() for update in updates])
    # A part has the shape of its mask already, unless that is of a stack.
    shaped = [
        one if one.shape == update.mask.shape else one.view_as(update.mask)
        for one, update in zip(parts, updates, strict=True)
    ]
    torch._foreach_copy_([update.mask for update in updates], shaped)
    hold_(updates)


@torch.no_grad()
def hold_(updates: Sequence[SVDUpdate]) -> None:
    """Set λ to zero once more in every triplet that is pruned: an optimizer has moved it."""
    lams = [update.lam for update in updates]
    masks = [part(update.mask, lam) for update, lam in zip(updates, lams, strict=True)]
    torch._foreach_mul_([here(lam) for lam in lams], masks)


def living(updates: Sequence[SVDUpdate]) -> Tensor:
    """Return the masks of all updates as one, in order, on the device of the first."""
    device = updates[0].mask.device
    return torch.cat([update.mask.flatten().to(device) for update in updates])


def kept(updates: Sequence[SVDUpdate]) -> list[int]:
    """Return how many triplets live in each update; waits for the device."""
    alive, counts, begin = living(updates).tolist(), [], 0
    for update in updates:
        end = begin + update.mask.numel()
        counts.append(sum(alive[begin:end]))
        begin = end
    return counts
