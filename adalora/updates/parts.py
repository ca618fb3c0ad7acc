"""An update as a product of three."""

from typing import Literal, NamedTuple

from torch import Tensor

Precision = Literal["exact", "bf16", "int8"]
"""What is kept of a layer's input until the backward pass."""


class Parts(NamedTuple):
    """An update as a product: ΔW = scale · left diag(middle) right.

    Attributes:
        left: d₁ × r.
        middle: shape (r,), or None for ones.
        right: r × d₂.
        scale: a number that does not train.
    """

    left: Tensor
    middle: Tensor | None
    right: Tensor
    scale: float
