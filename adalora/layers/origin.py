"""What a start from singular vectors has taken out of a base weight."""

import torch
from torch import Tensor, nn

from ..updates import Parts


class Origin(nn.Module):
    """What was taken out of a base weight when an update started from it: left @ right, frozen.

    Args:
        left: d₁ × r; for a stack of matrices stack × d₁ × r, and so on.
        right: r × d₂.
    """

    left: Tensor
    right: Tensor

    def __init__(self, left: Tensor, right: Tensor) -> None:
        super().__init__()
        self.register_buffer("left", left)
        self.register_buffer("right", right)

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return left and right."""
        return self.left, self.right

    def parts(self) -> Parts:
        """Return the product as an update has it."""
        return Parts(self.left, None, self.right, 1.0)

    def equals(self, other: "Origin") -> bool:
        """Tell whether the very same numbers were taken out."""
        return torch.equal(self.left, other.left) and torch.equal(self.right, other.right)
