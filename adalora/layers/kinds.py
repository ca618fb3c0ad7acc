"""The table of layer kinds: how a product left @ right acts on a layer's input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D


@dataclass(frozen=True)
class LayerKind:
    """One row of the table.

    Attributes:
        module: the exact type of the base layer. A subclass may use its weight in another way, so it needs
            a row of its own.
        shape: base layer -> (d₁, d₂), the sizes of its output and of its input.
        apply: (x, left, right) -> ΔW x, for an input as the base layer takes it.
        arrange: ΔW (d₁ × d₂) -> the same numbers as the base weight lies in memory.
    """

    module: type[nn.Module]
    shape: Callable[[Any], tuple[int, int]]
    apply: Callable[[Tensor, Tensor, Tensor], Tensor]
    arrange: Callable[[Tensor], Tensor]


def _linear_shape(base: nn.Linear) -> tuple[int, int]:
    return base.out_features, base.in_features


def _conv1d_shape(base: Conv1D) -> tuple[int, int]:
    d2, d1 = base.weight.shape
    return int(d1), int(d2)


def _through_rank(x: Tensor, left: Tensor, right: Tensor) -> Tensor:
    # Two thin products: the d₁ × d₂ matrix is never formed.
    return F.linear(F.linear(x, right), left)


def _as_is(delta: Tensor) -> Tensor:
    return delta


KINDS: tuple[LayerKind, ...] = (
    LayerKind(nn.Linear, _linear_shape, _through_rank, _as_is),
    # GPT-2's Conv1D is a linear layer whose weight lies transposed, d₂ × d₁.
    LayerKind(Conv1D, _conv1d_shape, _through_rank, Tensor.t),
)


def kind_of(module: nn.Module) -> LayerKind | None:
    """Return the row for ``module``, or None where nothing can adapt it."""
    return next((kind for kind in KINDS if type(module) is kind.module), None)
