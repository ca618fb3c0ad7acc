"""What an adapted layer asks of any low-rank update."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from .parts import Parts, Precision


@runtime_checkable
class Update(Protocol):
    """A trainable matrix ΔW = left @ right of low rank, d₁ × d₂, or a stack of such matrices.

    Every update is also a `torch.nn.Module`; its factors are its parameters.
    """

    scaling: float
    dropout: float
    save_input: Precision

    @property
    def rank(self) -> int:
        """Number of components that are alive, over the whole stack."""
        ...

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return ``left`` (… × d₁ × r) and ``right`` (… × r × d₂), scaling included: ΔW = left @ right."""
        ...

    def parts(self) -> Parts:
        """Return the same product with its diagonal and its scale apart."""
        ...

    def represent_(self, U: Tensor, sigma: Tensor, Vh: Tensor) -> None:
        """Set the factors so that ΔW = U diag(σ) Vʰ, where U is … × d₁ × r, σ … × r and Vʰ … × r × d₂."""
        ...

    def resize_(self, triplets: int) -> None:
        """Make room for another number of components, where that can change."""
        ...
