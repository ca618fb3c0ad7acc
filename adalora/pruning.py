"""Masks over all updates at once: which triplets live, and what that does to λ."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .batches import each
from .updates import SVDUpdate


@torch.no_grad()
def prune_(updates: Sequence[SVDUpdate], masks: Sequence[Tensor]) -> None:
    """Keep the triplets in ``masks``, one for each update, and set λ to zero in the others."""
    torch._foreach_copy_([update.mask for update in updates], list(masks))
    hold_(updates)


@torch.no_grad()
def hold_(updates: Sequence[SVDUpdate]) -> None:
    """Set λ to zero once more in every triplet that is pruned: an optimizer has moved it."""
    torch._foreach_mul_([update.lam for update in updates], [update.mask for update in updates])


def kept(updates: Sequence[SVDUpdate]) -> list[int]:
    """Return how many triplets live in each update; waits for the device."""
    counts = each(lambda masks: masks.flatten(1).sum(1), [update.mask for update in updates])
    return torch.stack([count.to(counts[0].device) for count in counts]).tolist()
