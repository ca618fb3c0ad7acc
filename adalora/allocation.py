"""Which triplets live: the exact global choice, and its record."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Allocation:
    """What one budget update decided.

    Attributes:
        step: optimizer step, counted from 1; 0 is the state before training.
        budget: b(t), the triplets alive over all matrices.
        threshold: lowest score that was kept; None where nothing was chosen by score.
        ranks: triplets kept in each matrix, by module name.
    """

    step: int
    budget: int
    threshold: float | None
    ranks: dict[str, int]


def top_triplets(scores: Sequence[Tensor], budget: int) -> tuple[list[Tensor], Tensor]:
    """Choose exactly ``budget`` triplets of the highest score over all matrices together.

    Ties are broken by module order, then by index, so the choice is the same on every machine.

    Args:
        scores: one tensor for each update, of shape (r,) or (stack, r), in module order; devices and
            types may differ.
        budget: triplets to keep, from 0 to their number.

    Returns:
        A bool mask of the same shape for each update, on its device, and the sorted scores of what is kept.
    """
    device = scores[0].device
    flat = torch.cat([score.flatten().to(device) for score in scores])
    values, order = torch.sort(flat, descending=True, stable=True)
    alive = torch.zeros(flat.numel(), dtype=torch.bool, device=device)
    alive[order[:budget]] = True
    parts = torch.split(alive, [score.numel() for score in scores])
    # A part has the shape of its scores already, unless these are of a stack.
    shaped = [
        part if part.shape == score.shape else part.view_as(score)
        for part, score in zip(parts, scores, strict=True)
    ]
    masks = [part.to(score.device) for part, score in zip(shaped, scores, strict=True)]
    return masks, values[:budget]
