"""The bytes of weights in 4 or 8 bits with all their constants, from their shapes alone."""

from collections.abc import Iterable
from math import ceil, prod

from ..config import QuantizationConfig

_BLOCK, _OUTER = 64, 256  # numbers that share a constant, and constants that share one with double_quant
_CODE, _OUTER_CODE, _OFFSET = 4 * 16, 4 * 256, 4  # code books and the mean of the constants, in float32


def quantised_bytes(shapes: Iterable[tuple[int, ...]], settings: QuantizationConfig) -> int:
    """Return the bytes of weights d₁ × d₂ as bitsandbytes keeps them.

    ``int8``: d₁d₂ and a float32 for each of the d₁ rows. 4 bits: d₁d₂/2, and a float32 for every 64 numbers;
    with ``double_quant`` a byte for every 64, a float32 for every 256 of these bytes, and their mean. Each
    layer has code books of its own.

    Args:
        shapes: of the weights.
        settings: ``kind`` must be set.
    """
    if settings.kind == "int8":
        return sum(prod(shape) + 4 * shape[0] for shape in shapes)
    total = 0
    for shape in shapes:
        blocks = ceil(prod(shape) / _BLOCK)
        outer = blocks + 4 * ceil(blocks / _OUTER) + _OFFSET + _OUTER_CODE
        constants = outer if settings.double_quant else 4 * blocks
        total += ceil(prod(shape) / 2) + constants + _CODE
    return total
