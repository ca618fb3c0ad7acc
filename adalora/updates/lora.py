"""The update of LoRA: a plain product of two thin matrices."""

import torch
from torch import Tensor, nn

from .parts import Parts, Precision
from .resize import resize_
from .start import fill_


class LoRAUpdate(nn.Module):
    """ΔW = s · B A of rank r.

    Source: Hu et al. 2021, arXiv 2106.09685, equation 3. B starts at zero, so ΔW does too.

    Args:
        d1: rows of ΔW, the size of the layer's output.
        d2: columns of ΔW, the size of the layer's input.
        rank: r.
        scaling: s.
        stack: number of matrices that are updated side by side, such as the experts of a mixture. None for a
            single matrix, whose factors have no leading dimension.
        dropout: probability of dropout on the input of the update.
        save_input: what a fused layer keeps of its input for the gradient of the right factor.
        init: how A starts, ``"gaussian"``, ``"kaiming"`` or ``"orthogonal"``.
        still: a column of ΔW that stays zero, such as the padding's in an embedding.
        device: where the factors live.
        dtype: type of the factors.

    Attributes:
        A: r × d₂; with a stack, stack × r × d₂.
        B: d₁ × r.
    """

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
        self.A = nn.Parameter(torch.empty(shapes["A"], device=device, dtype=dtype))
        self.B = nn.Parameter(torch.zeros(shapes["B"], device=device, dtype=dtype))
        fill_(init, self.A, still)

    @staticmethod
    def shapes(d1: int, d2: int, rank: int, stack: int | None = None) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor by name."""
        lead = () if stack is None else (stack,)
        return {"A": (*lead, rank, d2), "B": (*lead, d1, rank)}

    @property
    def rank(self) -> int:
        """Number of components, over the whole stack: nothing is pruned here."""
        return self.A.numel() // self.A.shape[-1]

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return B (d₁ × r) and s · A (r × d₂)."""
        return self.parts().factors()

    def parts(self) -> Parts:
        """Return B, A and s."""
        return Parts(self.B, None, self.A, self.scaling)

    @torch.no_grad()
    def represent_(self, U: Tensor, sigma: Tensor, Vh: Tensor) -> None:
        """Set B = U√(σ/s) and A = √(σ/s)Vʰ, so that ΔW = U diag(σ) Vʰ."""
        root = (sigma / self.scaling).sqrt()
        self.B.copy_(U * root.unsqueeze(-2))
        self.A.copy_(root.unsqueeze(-1) * Vh)

    @torch.no_grad()
    def resize_(self, triplets: int) -> None:
        """Make room for another number of components, of which nothing is known yet."""
        if triplets == self.A.shape[-2]:
            return
        *stack, _, d2 = self.A.shape
        shapes = self.shapes(self.B.shape[-2], d2, triplets, *stack)
        for factor in ("A", "B"):
            parameter = getattr(self, factor)
            resize_(parameter, parameter.new_zeros(shapes[factor]))

    def extra_repr(self) -> str:
        """Show sizes and settings in the printed model."""
        *lead, r, d2 = self.A.shape
        stack = f"stack={lead[0]}, " if lead else ""
        return (
            f"{stack}d1={self.B.shape[-2]}, d2={d2}, rank={r}, scaling={self.scaling:g}, "
            f"dropout={self.dropout:g}"
        )
