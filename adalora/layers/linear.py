"""Linear layers: `torch.nn.Linear`, also with a quantised weight, and GPT-2's `Conv1D`."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ..updates import Parts, Precision
from .fused import linear_with_update, update_added
from .kind import PlainKind, gated, untouched


class Linear(PlainKind):
    """h = W₀x + b with W₀ stored as d₁ × d₂."""

    def shape(self, base: nn.Linear) -> tuple[int, ...]:
        """Return (d₁, d₂)."""
        return base.out_features, base.in_features

    def apply(
        self,
        base: Any,
        left: Tensor,
        right: Tensor,
        dropout: float,
        *inputs: Any,
        gates: Tensor | None = None,
    ) -> Tensor:
        """Return left (right x) for x of shape (…, d₂): the d₁ × d₂ matrix is never formed."""
        (x,) = inputs
        hidden = F.linear(F.dropout(x.to(right.dtype), dropout), right)
        return F.linear(gated(hidden, gates), left)

    def fused(self, base: Any, parts: Parts, precision: Precision, *inputs: Any) -> Tensor | None:
        """Return base layer and update in one operation, where nothing but `forward` acts on the base."""
        (x,) = inputs
        if type(base) not in (nn.Linear, Conv1D) or not untouched(base):
            return None
        return linear_with_update(x, self.matrix(base, base.weight), base.bias, parts, precision)

    def added(
        self, base: Any, out: Tensor, parts: Parts, precision: Precision, dropout: float, *inputs: Any
    ) -> Tensor:
        """Add the update in one operation."""
        (x,) = inputs
        return update_added(out, F.dropout(x, dropout) if dropout else x, parts, precision)


class Transposed(Linear):
    """The same with W₀ stored as d₂ × d₁: GPT-2's `Conv1D`, which is no convolution."""

    def shape(self, base: Conv1D) -> tuple[int, ...]:
        """Return (d₁, d₂)."""
        d2, d1 = base.weight.shape
        return int(d1), int(d2)

    def matrix(self, base: Any, weight: Tensor) -> Tensor:
        """Return the transpose."""
        return weight.t()

    def arrange(self, base: Any, matrix: Tensor) -> Tensor:
        """Return the transpose."""
        return matrix.t()
