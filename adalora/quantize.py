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
from .candidates import base_of, is_under
from .checks import one_of
from .errors import ConfigError, StateError, TargetError
from .injected import injected_configs
from .layers import AdaptedLayer, LayerKind, kind_of
from .layers.linear import Linear
from .reads import layers_read_for_their_type
from .targets import ALL_LINEAR, Target, find_layers
from .tied import partners
from .walk import replace, walk

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
    targets = quantizable(model, target_modules, list(exclude_modules))
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


def quantizable(model: nn.Module, wanted: Sequence[str] | str, exclude: list[str]) -> list[Target]:
    """List the layers that `quantize_` would turn, once all of them have been checked; nothing changes.

    Args:
        model: see `quantize_`; its weights may be on the meta device.
        wanted: its ``target_modules``.
        exclude: its ``exclude_modules``.

    Raises:
        StateError: see `quantize_`.
        TargetError: see `quantize_`.
    """
    trained = [suffix for config in injected_configs(model).values() for suffix in config.train_modules]
    targets = find_layers(model, wanted, exclude, trained)
    floating, read, tied = _kept_floating(model), layers_read_for_their_type(model), partners(model)

    def stays_floating(target: Target) -> bool:
        return is_under(target.names[0], floating) or id(target.module) in read

    if wanted == ALL_LINEAR:
        linear = [target for target in targets if isinstance(target.kind, Linear) and not target.part]
        targets = [target for target in linear if not stays_floating(target)]
    for target in targets:
        name = target.names[0]
        if stays_floating(target):
            raise TargetError(
                f"{name!r} has to stay in floating point: its model reads the weight's type. Put it in "
                f"exclude_modules."
            )
        if id(target.module) in tied:
            raise TargetError(
                f"{name!r} shares its weight with {tied[id(target.module)]!r}, which a quantised copy would "
                f"untie; put it in exclude_modules."
            )
        _require_quantizable(target)
    return targets


def _kept_floating(model: nn.Module) -> list[str]:
    """Name the modules that their model declares to keep in floating point."""
    fields = ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict")
    return [
        name for module in model.modules() for field in fields for name in getattr(module, field, None) or ()
    ]


def _require_quantizable(target: Target) -> None:
    name, base = target.names[0], base_of(target.module)
    if isinstance(target.module, AdaptedLayer) and target.module.merged:
        raise StateError("the model is merged; call unmerge_(model) before quantize_.")
    if storage_of(base).rounds:
        raise StateError(f"{name!r} is quantised already; put it in exclude_modules.")
    if target.owner is not None:
        raise TargetError(
            f"{name!r} is a part of a {type(target.owner.module).__name__} and cannot be quantised; allowed: "
            f"linear layers. Put it in exclude_modules."
        )
    if not isinstance(target.kind, Linear):
        raise TargetError(
            f"{name!r} of type {type(base).__name__} cannot be quantised; allowed: linear layers. "
            f"Put it in exclude_modules."
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
    new.source_cls = type(base)  # transformers notes in the same way what a layer was before
    if isinstance(target.module, AdaptedLayer):
        target.module.base, target.module.kind = new, cast(LayerKind, kind_of(new))
    else:
        for name in target.names:
            replace(model, name, new)
