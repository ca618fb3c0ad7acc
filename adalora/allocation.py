"""Which triplets live: the exact global choice, and its record."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from .errors import StateError

UNITS: Mapping[str, str] = MappingProxyType({"rank": "triplets", "parameter": "parameters"})


@dataclass(frozen=True)
class Allocation:
    """What one budget update decided.

    Attributes:
        step: optimizer step, counted from 1; 0 is the state before training.
        budget: b(t): the triplets alive over all matrices, or with ``budget_unit="parameter"`` the numbers
            that they may have, of which less than one triplet's are left over.
        threshold: lowest score that was kept, for a parameter where the budget is in parameters; None where
            nothing was chosen by score.
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


def top_triplets(scores: Tensor, budget: int, prices: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Choose the triplets of the highest score over all matrices together, as many as the budget allows.

    Without prices that is exactly ``budget`` of them. With prices the score for a unit of the price decides,
    which is the best choice but for what less than one triplet costs; the first that is too dear for what is
    left of the budget ends it. Ties are broken by module order, then by index, so the choice is the same on
    every machine. A triplet with a score of −∞ is never chosen for what is left over.

    Args:
        scores: S of every triplet in module order, one-dimensional.
        budget: what may be kept: triplets, from 0 to their number, or the sum of their prices.
        prices: what each triplet costs, integers above 0; None for 1 each.

    Returns:
        A bool mask like ``scores``, and the sorted scores of what is kept, divided by the prices.
    """
    worth = scores if prices is None else scores / prices
    values, order = torch.sort(worth, descending=True, stable=True)
    if prices is not None:
        affordable = (prices[order].cumsum(0) <= budget) & (values != -torch.inf)
        budget = int(affordable.sum())
    alive = torch.zeros_like(scores, dtype=torch.bool)
    alive[order[:budget]] = True
    return alive, values[:budget]


def require_finite(values: Tensor, step: int) -> None:
    """Raise where the highest of sorted scores is no number to go by.

    Args:
        values: what `top_triplets` has returned.
        step: for the message.

    Raises:
        StateError: it is NaN or infinite.
    """
    # NaN sorts above everything, and inf next to it: the first value tells.
    if values.numel() > 0 and not bool(torch.isfinite(values[0])):
        raise StateError(
            f"a triplet's score is {values[0].item()} at step {step}: a loss or gradient was not finite. "
            f"Lower the learning rate, clip gradients, or use a GradScaler with float16."
        )
