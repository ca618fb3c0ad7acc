"""Weights quantised by bitsandbytes: 4-bit (NF4, FP4) and 8-bit linear layers.

Sources: Dettmers et al. 2023, arXiv 2305.14314 (QLoRA); Dettmers et al. 2022, arXiv 2208.07339 (8 bits).
"""

from collections.abc import Callable
from typing import Any, cast

import bitsandbytes as bnb
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D


class FourBit:
    """`bitsandbytes.nn.Linear4bit`: blocks of 64 numbers in 4 bits each, with a constant for each block."""

    rounds = True

    def prepare(self, layer: bnb.nn.Linear4bit) -> None:
        """See `keep_exact`."""
        keep_exact(layer)

    def read(self, layer: bnb.nn.Linear4bit, parameter: Any) -> Tensor:
        """Dequantise."""
        weight: Tensor = bnb.functional.dequantize_4bit(parameter.data, parameter.quant_state)
        return weight

    def encode(self, layer: bnb.nn.Linear4bit, weight: Tensor) -> Any:
        """Quantise with the layer's own settings."""
        old = layer.weight
        return quantize_4bit(
            weight.to(old.quant_state.dtype),
            quant_type=old.quant_state.quant_type,
            double_quant=old.quant_state.nested,
            blocksize=old.quant_state.blocksize,
            storage=old.quant_storage,
        )

    def put(self, layer: bnb.nn.Linear4bit, parameter: Any) -> None:
        """Exchange the parameter and what the layer remembers of it."""
        layer.weight = parameter
        layer.quant_state = parameter.quant_state
        parameter.module = layer

    def tensors(self, layer: bnb.nn.Linear4bit) -> list[Tensor]:
        """Return the packed numbers, the blocks' constants, and the code books."""
        state = layer.weight.quant_state
        found = [layer.weight.data, state.absmax, state.code]
        if state.nested:
            found += [state.offset, state.state2.absmax, state.state2.code]
        return found

    def follow(self, parameter: Any, current: nn.Parameter) -> Any:
        """Move the numbers and their constants."""
        return parameter if parameter.device == current.device else parameter.to(current.device)


class EightBit:
    """`bitsandbytes.nn.Linear8bitLt`: a byte a number, with a constant for each row."""

    rounds = True

    def prepare(self, layer: bnb.nn.Linear8bitLt) -> None:
        """Do nothing."""

    def read(self, layer: bnb.nn.Linear8bitLt, parameter: Any) -> Tensor:
        """Dequantise."""
        # A forward moves the rows' constants from the parameter to the layer.
        scale = getattr(parameter, "SCB", None)
        weight: Tensor = bnb.functional.int8_vectorwise_dequant(
            parameter.data, layer.state.SCB if scale is None else scale
        )
        return weight

    def encode(self, layer: bnb.nn.Linear8bitLt, weight: Tensor) -> Any:
        """Quantise; the library does it by way of float16."""
        return quantize_8bit(weight)

    def put(self, layer: bnb.nn.Linear8bitLt, parameter: Any) -> None:
        """Exchange the parameter; the layer takes its constants up at the next forward."""
        old = layer.weight
        if old.SCB is None:  # a forward has moved it to the layer
            old.SCB = layer.state.SCB
        parameter.CB = parameter.data
        layer.weight = parameter
        layer.state.CB = layer.state.SCB = None

    def tensors(self, layer: bnb.nn.Linear8bitLt) -> list[Tensor]:
        """Return the numbers and the rows' constants."""
        scale = layer.weight.SCB
        return [layer.weight.data, layer.state.SCB if scale is None else scale]

    def follow(self, parameter: Any, current: nn.Parameter) -> Any:
        """Move the numbers and their constants."""
        return parameter if parameter.device == current.device else parameter.to(current.device)


def quantized_storage(layer: nn.Module) -> FourBit | EightBit | None:
    """Return how a quantised layer keeps its weight; None for any other layer."""
    if isinstance(layer, bnb.nn.Linear4bit):
        return FourBit()
    return EightBit() if isinstance(layer, bnb.nn.Linear8bitLt) else None


def quantize_4bit(
    weight: Tensor,
    *,
    quant_type: str = "nf4",
    double_quant: bool = True,
    blocksize: int = 64,
    storage: torch.dtype = torch.uint8,
) -> bnb.nn.Params4bit:
    """Return d₁ × d₂ numbers in 4 bits; ``double_quant`` keeps the blocks' constants in 8 bits."""
    parameter = bnb.nn.Params4bit(
        weight.detach().clone(),
        requires_grad=False,
        quant_type=quant_type,
        compress_statistics=double_quant,
        blocksize=blocksize,
        quant_storage=storage,
    )
    return parameter.to(weight.device)


def quantize_8bit(weight: Tensor) -> bnb.nn.Int8Params:
    """Return d₁ × d₂ numbers in 8 bits."""
    data, scale, _ = bnb.functional.int8_vectorwise_quant(weight.detach().to(torch.float16))
    return bnb.nn.Int8Params(data, requires_grad=False, CB=data, SCB=scale)


def linear_4bit(weight: Tensor, bias: nn.Parameter | None, **settings: Any) -> bnb.nn.Linear4bit:
    """Return a 4-bit linear layer that holds ``weight`` (d₁ × d₂)."""
    layer = _empty(bnb.nn.Linear4bit, weight, bias)
    FourBit().put(layer, quantize_4bit(weight, **settings))
    keep_exact(layer)
    return layer


def linear_8bit(weight: Tensor, bias: nn.Parameter | None) -> bnb.nn.Linear8bitLt:
    """Return an 8-bit linear layer that holds ``weight`` (d₁ × d₂)."""
    layer = _empty(bnb.nn.Linear8bitLt, weight, bias, has_fp16_weights=False)
    layer.weight = quantize_8bit(weight)
    return layer


def keep_exact(layer: bnb.nn.Linear4bit) -> None:
    """Stop the library from repacking the weight at the first evaluation on some CPUs.

    The packed form rounds the constants once more, for good, and has no gradient.
    """
    if layer.support_avx512bf16_for_cpu:
        layer.state_dict()  # unpacks, where that has happened already
        layer.support_avx512bf16_for_cpu = False


def _empty(layer_type: Callable[..., Any], weight: Tensor, bias: nn.Parameter | None, **settings: Any) -> Any:
    d1, d2 = weight.shape
    layer = layer_type(d2, d1, bias=bias is not None, device="meta", **settings)
    layer.bias = bias
    return layer


def plain_layer(layer: Any, weight: Tensor, dtype: torch.dtype) -> nn.Module:
    """Return what this quantised layer was before, with ``weight`` (d₁ × d₂) in floating point."""
    bias = layer.bias
    if (
        getattr(layer, "source_cls", None) is Conv1D
    ):  # transformers notes this when it loads a model quantised
        plain = cast(Any, Conv1D)(layer.out_features, layer.in_features)
        weight = weight.t()
    else:
        plain = nn.Linear(layer.in_features, layer.out_features, bias=bias is not None, device="meta")
    plain.weight = nn.Parameter(weight.to(dtype).contiguous(), requires_grad=False)
    if bias is not None:
        plain.bias = nn.Parameter(bias.detach().to(dtype), requires_grad=False)
    plain.train(layer.training)
    return cast(nn.Module, plain)
