"""Embeddings: a linear layer whose input is one of d₂ unit vectors."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .kind import PlainKind, gated


class Embedding(PlainKind):
    """W₀ is stored as d₂ × d₁: a row for each of the d₂ entries. The padding's row of ΔW stays zero."""

    linear = False

    def shape(self, base: nn.Embedding) -> tuple[int, ...]:
        """Return (embedding_dim, num_embeddings)."""
        return base.embedding_dim, base.num_embeddings

    def matrix(self, base: Any, weight: Tensor) -> Tensor:
        """Return the transpose."""
        return weight.t()

    def arrange(self, base: Any, matrix: Tensor) -> Tensor:
        """Return the transpose."""
        return matrix.t()

    def apply(
        self,
        base: Any,
        left: Tensor,
        right: Tensor,
        dropout: float,
        *inputs: Any,
        gates: Tensor | None = None,
    ) -> Tensor:
        """Look up columns of ``right`` and map them by ``left``; dropout takes whole entries."""
        (ids,) = inputs
        found = F.embedding(ids, right.t(), padding_idx=base.padding_idx)
        if dropout > 0:
            found = found * F.dropout(torch.ones_like(found[..., :1]), dropout)
        return F.linear(gated(found, gates), left)

    def spread(self, base: Any, spread: Callable[[Tensor], Tensor], *inputs: Any) -> Tensor:
        """Take the rows of the ids."""
        return spread(inputs[0].unsqueeze(-1))

    def channels(self, base: Any) -> int | None:
        """Return None: DoRA is defined on the outputs of a product, and a look-up has none."""
        return None

    def still(self, base: nn.Embedding) -> int | None:
        """Return the padding's index."""
        return base.padding_idx

    def obstacle(self, base: nn.Embedding) -> str | None:
        """Refuse what cannot be written as W₀ + ΔW."""
        if base.max_norm is None:
            return None
        return f"max_norm is {base.max_norm}, so its weight is rescaled at every use; allowed: max_norm=None"
