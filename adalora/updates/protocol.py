"""What an adapted layer asks of any low-rank update."""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Update(Protocol):
    """A trainable matrix ΔW = left @ right of low rank, d₁ × d₂.

    Every update is also a `torch.nn.Module`; its factors are its parameters.
    """

    scaling: float
    dropout: float

    @property
    def rank(self) -> int:
        """Number of components that are alive."""
        ...

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return ``left`` (d₁ × r) and ``right`` (r × d₂), scaling included, so that ΔW = left @ right."""
        ...
