"""The table of layer kinds by the type of layer."""

import sys
from collections.abc import Mapping
from types import MappingProxyType

from torch import nn
from transformers.pytorch_utils import Conv1D

from .convolution import CONVOLUTIONS, Convolution
from .embedding import Embedding
from .experts import ExpertMatrices, Experts
from .kind import LayerKind
from .linear import Linear, Transposed

_LINEAR = Linear()

KINDS: Mapping[type[nn.Module], LayerKind] = MappingProxyType(
    {
        nn.Linear: _LINEAR,
        Conv1D: Transposed(),
        **dict.fromkeys(CONVOLUTIONS, Convolution()),
        nn.Embedding: Embedding(),
        ExpertMatrices: Experts(),
    }
)
"""The exact types: a subclass may use its weight in another way, so it needs a row of its own."""


def kind_of(module: nn.Module) -> LayerKind | None:
    """Return the kind of ``module``, or None where nothing can adapt it."""
    # A model can hold quantised layers only where somebody has imported their library.
    quantised = sys.modules.get("bitsandbytes.nn")
    if quantised and isinstance(module, quantised.Linear4bit | quantised.Linear8bitLt):
        return _LINEAR
    return KINDS.get(type(module))


def supported() -> str:
    """Name the types of layer that can be adapted, for messages."""
    names = ", ".join(module.__name__ for module in KINDS if module is not ExpertMatrices)
    return f"{names}, MultiheadAttention, fused experts of transformers, Linear4bit, Linear8bitLt"
