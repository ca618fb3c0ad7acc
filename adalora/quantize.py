"""Frozen linear layers in 4 or 8 bits: the base of QLoRA.

Source: Dettmers et al. 2023, arXiv 2305.14314.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeVar, cast

import torch
from torch import nn

from .bases import storage_of
from .checks import one_of
from .errors import ConfigError, StateError, TargetError
from .inject import injected_configs
from .layers import AdaptedLayer, LayerKind, kind_of
from .layers.linear import Linear
from .targets import ALL_LINEAR, Target, base_of, find_layers
from .walk import replace, unwrap, walk

M = TypeVar("M", bound=nn.Module)

KINDS = ("nf4", "fp4", "int8")


@dataclass(frozen=True)
class Footprint:
    """What the quantised layers of a model take.

    Attributes:
        weights: numbers that they hold.
        bytes: memory of these numbers with all constants that belong to them.
    """

    weights: int
    bytes: int

    @property
    def bytes_per_weight(self) -> float:
        """Bytes for each number; 0 where nothing is quantised."""
        return self.bytes / self.weights if self.weights else 0.0


def quantize_(
    model: M,
    kind: str = "nf4",
    *,
    double_quant: bool = True,
    target_modules: Sequence[str] | str = ALL_LINEAR,
    exclude_modules: Sequence[str] = (),
) -> M:
    """Turn linear layers to 4 or 8 bits, in place and layer by layer, without a second copy of the model.

    Call it before `inject` or after: the base layers of adapted ones are quantised too. Modules that an
    adapter trains in full are spared. A new head that shall be trained later belongs in ``exclude_modules``.

    Args:
        model: a model with float32, bfloat16 or float16 weights.
        kind: ``"nf4"``, ``"fp4"`` (4 bits, blocks of 64) or ``"int8"`` (8 bits, by rows).
        double_quant: keep the constants of the blocks in 8 bits too; for the 4-bit kinds.
        target_modules: which linear layers, in the words of `AdapterConfig`.
        exclude_modules: suffixes of modules that are left alone.

    Returns:
        The same model.

    Raises:
        ConfigError: ``kind`` is unknown, or bitsandbytes is not installed.
        StateError: a layer is quantised already, or the model is merged.
        TargetError: no such modules, or one that is no linear layer or has another type of weight. The model
            is unchanged in each case.
    """
    one_of("kind", kind, KINDS)
    if find_spec("bitsandbytes") is None:
        raise ConfigError(f"kind is {kind!r}, which needs bitsandbytes; pip install 'adalora[quant]'.")
    trained = [suffix for config in injected_configs(model).values() for suffix in config.train_modules]
    targets = find_layers(model, target_modules, list(exclude_modules), trained)
    if target_modules == ALL_LINEAR:
        targets = [target for target in targets if isinstance(target.kind, Linear) and target.owner is None]
    for target in targets:
        _require_quantizable(target)
    while targets:  # each target is let go of, so that its old weight is too
        _quantize(model, targets.pop(0), kind, double_quant)
    return model


def footprint(model: nn.Module) -> Footprint:
    """Return what the quantised layers of a model take, merged copies and adapters apart."""
    weights = 0
    memory: dict[int, int] = {}
    for _, module in walk(model):
        base = base_of(module)
        storage = storage_of(base)
        if storage.rounds:
            weights += math.prod(cast(LayerKind, kind_of(base)).shape(base))
            memory |= {tensor.data_ptr(): tensor.nbytes for tensor in storage.tensors(base)}
    return Footprint(weights, sum(memory.values()))


def dequantized(layer: nn.Module, dtype: torch.dtype, adapted: AdaptedLayer | None = None) -> nn.Linear:
    """Return a quantised layer, with the updates that ``adapted`` has for it, as a plain linear layer."""
    from .bases.quantized import plain_linear  # noqa: PLC0415 - only there where the library is

    parameter = cast(nn.Parameter, layer.weight)
    W = storage_of(layer).read(layer, parameter) if adapted is None else adapted.matrix()
    return plain_linear(layer, W, dtype)


def forget_quantization(model: nn.Module) -> None:
    """Drop what a `transformers` model knows of its quantised layers, once they are gone."""
    quantizer = getattr(unwrap(model), "hf_quantizer", None)
    if quantizer is not None:
        quantizer.remove_quantization_config(unwrap(model))


def _require_quantizable(target: Target) -> None:
    name, base = target.names[0], base_of(target.module)
    if isinstance(target.module, AdaptedLayer) and target.module.merged:
        raise StateError("the model is merged; call unmerge_(model) before quantize_.")
    if storage_of(base).rounds:
        raise StateError(f"{name!r} is quantised already; put it in exclude_modules.")
    if not isinstance(target.kind, Linear) or target.owner is not None:
        raise TargetError(
            f"{name!r} of type {type(base).__name__} cannot be quantised; allowed: linear layers."
        )
    weight = cast(nn.Parameter, base.weight)
    if weight.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise TargetError(
            f"{name!r} has weights of type {weight.dtype}; allowed: float32, bfloat16 or float16. Convert "
            f"the model first."
        )


def _quantize(model: nn.Module, target: Target, kind: str, double_quant: bool) -> None:
    from .bases.quantized import linear_4bit, linear_8bit  # noqa: PLC0415 - it takes seconds to import

    base = base_of(target.module)
    weight = target.kind.matrix(base, cast(nn.Parameter, base.weight).detach())
    bias = cast(nn.Parameter | None, base.bias)
    if kind == "int8":
        new = linear_8bit(weight, bias)
    else:
        new = linear_4bit(weight, bias, quant_type=kind, double_quant=double_quant)
    new.train(base.training)
    if isinstance(target.module, AdaptedLayer):
        target.module.base, target.module.kind = new, cast(LayerKind, kind_of(new))
    else:
        for name in target.names:
            replace(model, name, new)
