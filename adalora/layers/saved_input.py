"""What is kept of a layer's input until the backward pass: all of it, or a rounded copy.

Only the gradient of ``right`` reads it. The gradient of the input itself needs no input, and stays exact.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from ..updates.parts import Precision


def keep(x: Tensor, precision: Precision) -> tuple[Tensor, Tensor | None]:
    """Return what is kept of x (…, d), and the scales of its parts, if it has any.

    Layers that read the same input share one rounded copy.

    Args:
        x: the input.
        precision: ``"exact"`` keeps the input itself, which costs nothing where something else keeps it too;
            ``"bf16"`` two bytes a number; ``"int8"`` one, and two for the scale of every 32.
    """
    if precision == "exact":
        return x, None
    if torch.compiler.is_compiling():
        return _rounded(x, precision)
    key = (precision, x._version)
    made: _Copy | None = _COPIES.get(x)
    if made is None or made.key != key:
        made = _Copy(key, _rounded(x, precision))
        _COPIES[x] = made
    return made.tensors


def read(kept: Tensor, scale: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return the input of which `keep` has returned this."""
    if scale is None:
        return kept if kept.dtype == dtype else kept.to(dtype)
    rows = kept.reshape(-1, kept.shape[-1]).to(dtype)
    _parts(rows).mul_(scale)
    return rows.view_as(kept)


class _Copy(NamedTuple):
    """A rounded copy, and of what: the precision, and the version of the input."""

    key: tuple[str, int]
    tensors: tuple[Tensor, Tensor | None]


# One number that sticks out takes the accuracy of those that share its scale. With one scale a row the
# factors' gradients of a BERT were off by 1.8 %, most of it behind GELU.
_PART = 32

# While an input lives, the copy that a layer has made of it.
_COPIES: Any = WeakTensorKeyDictionary()


@torch.no_grad()
def _rounded(x: Tensor, precision: Precision) -> tuple[Tensor, Tensor | None]:
    if precision == "bf16":
        return x.to(torch.bfloat16), None
    rows = x.reshape(-1, x.shape[-1])
    parts = _parts(rows)
    # The highest and the lowest, not the largest magnitude, which would take a copy of the input.
    largest = torch.maximum(parts.amax(-1, keepdim=True), parts.amin(-1, keepdim=True).neg_())
    scale = (largest.float().clamp_min_(torch.finfo(torch.float32).tiny) / 127).bfloat16()
    codes = (parts / scale.to(parts.dtype)).round_().clamp_(-127, 127)  # the scale was rounded, perhaps down
    return codes.to(torch.int8).view_as(rows), scale


def _parts(rows: Tensor) -> Tensor:
    """Return rows (N × d) in parts of 32 numbers, N × d/32 × 32; in one part where 32 does not divide d."""
    d = rows.shape[1]
    size = _PART if d % _PART == 0 else d
    return rows.view(len(rows), d // size, size)
