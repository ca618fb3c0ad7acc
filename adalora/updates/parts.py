"""An update as a product of three."""

from typing import Literal, NamedTuple

from torch import Tensor

Precision = Literal["exact", "bf16", "int8"]
"""What is kept of a layer's input until the backward pass."""


class Parts(NamedTuple):
    """An update as a product: ΔW = scale · left diag(middle) right.

    Attributes:
        left: d₁ × r; for a stack of matrices stack × d₁ × r, and so on.
        middle: shape (r,), or None for ones.
        right: r × d₂.
        scale: a number that does not train.
    """

    left: Tensor
    middle: Tensor | None
    right: Tensor
    scale: float

    @property
    def tensors(self) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return left, middle and right."""
        return self.left, self.middle, self.right

    @property
    def rank(self) -> int:
        """Number of components that the tensors hold; of one without any nothing has to be computed."""
        return self.right.shape[-2]

    def times(self, weight: float) -> "Parts":
        """Return the update multiplied by a number."""
        return self._replace(scale=self.scale * weight)

    def unstack(self) -> list["Parts"]:
        """Return the update of each matrix of a stack."""
        middles = [None] * len(self.left) if self.middle is None else self.middle.unbind()
        matrices = zip(self.left.unbind(), middles, self.right.unbind(), strict=True)
        return [Parts(*tensors, self.scale) for tensors in matrices]

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return two matrices with ΔW = left @ right: scale and diagonal go into the right one."""
        if self.middle is None:
            return self.left, self.scale * self.right
        return self.left, (self.scale * self.middle).unsqueeze(-1) * self.right
