"""The update of AdaLoRA: a product that is kept close to a singular value decomposition."""

from typing import Any

import torch
from torch import Tensor, nn

from .parts import Parts, Precision
from .resize import resize_
from .start import fill_


class SVDUpdate(nn.Module):
    """ΔW = s · P diag(λ) Q with r triplets (P column, λ, Q row) that can be pruned one by one.

    Source: Zhang et al. 2023, arXiv 2303.10512, equation 3. λ starts at zero, so ΔW does too.

    Args:
        d1: rows of ΔW, the size of the layer's output.
        d2: columns of ΔW, the size of the layer's input.
        rank: number of triplets r at the start.
        scaling: s; it stays as it is when triplets are pruned.
        stack: number of matrices that are updated side by side, such as the experts of a mixture; each has
            triplets of its own. None for a single matrix, whose factors have no leading dimension.
        dropout: probability of dropout on the input of the update.
        save_input: what a fused layer keeps of its input for the gradient of the right factor.
        init: how P and Q start, ``"gaussian"`` or ``"orthogonal"``.
        still: a column of ΔW that stays zero, such as the padding's in an embedding.
        device: where the factors live.
        dtype: type of the factors.

    Attributes:
        P: d₁ × r, close to orthonormal columns; with a stack, stack × d₁ × r, and so on.
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
        stack: int | None = None,
        dropout: float = 0.0,
        save_input: Precision = "exact",
        init: str = "gaussian",
        still: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.scaling = scaling
        self.dropout = dropout
        self.save_input = save_input
        shapes = self.shapes(d1, d2, rank, stack)
        self.P = nn.Parameter(torch.empty(shapes["P"], device=device, dtype=dtype))
        self.lam = nn.Parameter(torch.zeros(shapes["lam"], device=device, dtype=dtype))
        self.Q = nn.Parameter(torch.empty(shapes["Q"], device=device, dtype=dtype))
        self.register_buffer("mask", torch.ones(shapes["mask"], dtype=torch.bool, device=device))
        fill_(init, self.P)
        fill_(init, self.Q, still)

    @staticmethod
    def shapes(d1: int, d2: int, rank: int, stack: int | None = None) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor by name."""
        lead = () if stack is None else (stack,)
        return {"P": (*lead, d1, rank), "lam": (*lead, rank), "Q": (*lead, rank, d2), "mask": (*lead, rank)}

    @property
    def rank(self) -> int:
        """Number of triplets that the latest allocation kept, over the whole stack.

        Until the pattern is frozen the λ of the others train on from zero, so that they may come back.
        """
        return int(self.mask.sum())

    @property
    def matrices(self) -> int:
        """Number of matrices that are updated: 1, or the size of the stack."""
        return 1 if self.lam.dim() == 1 else self.lam.shape[0]

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return P (d₁ × r) and s · diag(λ) Q (r × d₂)."""
        return self.parts().factors()

    def parts(self) -> Parts:
        """Return P, λ, Q and s."""
        return Parts(self.P, self.lam, self.Q, self.scaling)

    @torch.no_grad()
    def represent_(self, U: Tensor, sigma: Tensor, Vh: Tensor) -> None:
        """Set P = U, λ = σ/s and Q = Vʰ, so that ΔW = U diag(σ) Vʰ."""
        self.P.copy_(U)
        self.lam.copy_(sigma / self.scaling)
        self.Q.copy_(Vh)

    @torch.no_grad()
    def resize_(self, triplets: int) -> None:
        """Make room for another number of triplets, of which nothing is known yet."""
        if triplets == self.lam.shape[-1]:
            return
        *stack, d1, _ = self.P.shape
        shapes = self.shapes(d1, self.Q.shape[-1], triplets, *stack)
        for factor in ("P", "lam", "Q"):
            parameter = getattr(self, factor)
            resize_(parameter, parameter.new_zeros(shapes[factor]))
        self.mask = self.mask.new_ones(shapes["mask"])

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # A saved state may have shrunk, or have been saved before this one shrank.
        saved = state_dict.get(f"{prefix}lam")
        if saved is not None and saved.dim() == self.lam.dim():
            self.resize_(saved.shape[-1])
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @torch.no_grad()
    def keep_(self, mask: Tensor) -> None:
        """Set λ to zero outside ``mask`` (bool, like λ); P and Q stay, so a triplet may come back."""
        self.mask.copy_(mask)
        self.lam.mul_(self.mask)

    def extra_repr(self) -> str:
        """Show sizes and settings in the printed model."""
        *lead, d1, r = self.P.shape
        stack = f"stack={lead[0]}, " if lead else ""
        return (
            f"{stack}d1={d1}, d2={self.Q.shape[-1]}, triplets={r}, scaling={self.scaling:g}, "
            f"dropout={self.dropout:g}"
        )
