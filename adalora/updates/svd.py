"""The update of AdaLoRA: a product that is kept close to a singular value decomposition."""

import torch
from torch import Tensor, nn

from .start import STARTS


class SVDUpdate(nn.Module):
    """ΔW = s · P diag(λ) Q with r triplets (P column, λ, Q row) that can be pruned one by one.

    Source: Zhang et al. 2023, arXiv 2303.10512, equation 3. λ starts at zero, so ΔW does too.

    Args:
        d1: rows of ΔW, the size of the layer's output.
        d2: columns of ΔW, the size of the layer's input.
        rank: number of triplets r at the start.
        scaling: s; it stays as it is when triplets are pruned.
        dropout: probability of dropout on the input of the update.
        init: how P and Q start, ``"gaussian"`` or ``"orthogonal"``.
        device: where the factors live.
        dtype: type of the factors.

    Attributes:
        P: d₁ × r, close to orthonormal columns.
        lam: λ, shape (r,).
        Q: r × d₂, close to orthonormal rows.
        mask: bool, shape (r,); False where the last allocation pruned the triplet.
    """

    mask: Tensor

    def __init__(
        self,
        d1: int,
        d2: int,
        rank: int,
        scaling: float = 1.0,
        *,
        dropout: float = 0.0,
        init: str = "gaussian",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.scaling = scaling
        self.dropout = dropout
        self.P = nn.Parameter(torch.empty(d1, rank, device=device, dtype=dtype))
        self.lam = nn.Parameter(torch.zeros(rank, device=device, dtype=dtype))
        self.Q = nn.Parameter(torch.empty(rank, d2, device=device, dtype=dtype))
        self.register_buffer("mask", torch.ones(rank, dtype=torch.bool, device=device))
        STARTS[init](self.P, self.Q)

    @property
    def rank(self) -> int:
        """Number of triplets that the latest allocation kept.

        Until the pattern is frozen the λ of the others train on from zero, so that they may come back.
        """
        return int(self.mask.sum())

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return P (d₁ × r) and s · diag(λ) Q (r × d₂)."""
        return self.P, (self.scaling * self.lam).unsqueeze(1) * self.Q

    @torch.no_grad()
    def keep_(self, mask: Tensor) -> None:
        """Set λ to zero outside ``mask`` (bool, shape (r,)); P and Q stay, so a triplet may come back."""
        self.mask.copy_(mask)
        self.lam.mul_(self.mask)

    def extra_repr(self) -> str:
        """Show sizes and settings in the printed model."""
        d1, r = self.P.shape
        return (
            f"d1={d1}, d2={self.Q.shape[1]}, triplets={r}, scaling={self.scaling:g}, dropout={self.dropout:g}"
        )
