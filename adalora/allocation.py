"""Which triplets live: the exact global choice, and its record."""

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


@dataclass(frozen=True)
class Decision:
    """What one budget update saw, triplet by triplet.

    Attributes:
        step: optimizer step.
        flat_scores: S of every triplet in module order.
        flat_alive: whether it was kept, likewise.
        shapes: shape of λ at that time, by module name.
    """

    step: int
    flat_scores: Tensor
    flat_alive: Tensor
    shapes: dict[str, torch.Size]

    def scores(self) -> dict[str, Tensor]:
        """Return S of each triplet, shaped like λ, by module name."""
        return self._by_module(self.flat_scores)

    def alive(self) -> dict[str, Tensor]:
        """Return whether each triplet was kept, shaped like λ, by module name."""
        return self._by_module(self.flat_alive)

    def _by_module(self, flat: Tensor) -> dict[str, Tensor]:
        parts = torch.split(flat, [shape.numel() for shape in self.shapes.values()])
        return {
            module: part.view(shape) for (module, shape), part in zip(self.shapes.items(), parts, strict=True)
        }


def top_triplets(scores: Tensor, budget: int) -> tuple[Tensor, Tensor]:
    """Choose exactly ``budget`` triplets of the highest score over all matrices together.

    Ties are broken by module order, then by index, so the choice is the same on every machine.

    Args:
        scores: S of every triplet in module order, one-dimensional.
        budget: triplets to keep, from 0 to their number.

    Returns:
        A bool mask like ``scores``, and the sorted scores of what is kept.
    """
    values, order = torch.sort(scores, descending=True, stable=True)
    alive = torch.zeros_like(scores, dtype=torch.bool)
    alive[order[:budget]] = True
    return alive, values[:budget]
