"""Quantised layers back in floating point."""

from typing import cast

import torch
from torch import nn

from .bases import storage_of
from .candidates import base_of
from .layers import AdaptedLayer
from .walk import unwrap, walk


def dequantized_layers(model: nn.Module) -> dict[int, nn.Module]:
    """Return a floating-point layer for each module with a quantised weight, by the module's identity.

    The updates of an adapted module are in it. Its type is that of the model's other weights.
    """
    kept = (p.dtype for p in model.parameters() if p.is_floating_point() and not p.requires_grad)
    dtype = next(kept, torch.float32)
    return {
        id(module): _floating(module, dtype)
        for _, module in walk(model)
        if storage_of(base_of(module)).rounds
    }


def forget_quantization(model: nn.Module) -> None:
    """Drop what a `transformers` model knows of its quantised layers, once they are gone."""
    quantizer = getattr(unwrap(model), "hf_quantizer", None)
    if quantizer is not None:
        quantizer.remove_quantization_config(unwrap(model))


def _floating(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    from .bases.quantized import plain_layer  # noqa: PLC0415 - only there where the library is

    if isinstance(module, AdaptedLayer):
        return plain_layer(module.base, module.matrix(), dtype)
    return plain_layer(module, storage_of(module).read(module, cast(nn.Parameter, module.weight)), dtype)
