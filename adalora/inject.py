"""Putting an adapter on a model."""

import math
import re
from typing import TypeVar, cast

import torch
from torch import nn

from .config import AdapterConfig
from .errors import ConfigError, StateError, TargetError
from .layers import AdaptedLayer
from .targets import Target, base_of, find_targets, is_under
from .updates import SVDUpdate
from .walk import adapters, walk

M = TypeVar("M", bound=nn.Module)


def inject(model: M, config: AdapterConfig, name: str = "default") -> M:
    """Put an adapter on ``model`` in place and freeze everything else but ``config.train_modules``.

    The update starts at zero, so the model's outputs do not change. Random starts come from torch's global
    generator. A second adapter under another name is added to the first, and only the new one trains.

    Args:
        model: any module; its targeted layers are replaced by `AdaptedLayer`s that hold them.
        config: what to put where.
        name: name of the adapter.

    Returns:
        The same model.

    Raises:
        ConfigError: the name is not one that a file could bear.
        TargetError: no such modules, or the rank is above min(d₁, d₂) of one of them.
        StateError: the model has an adapter of that name, or is merged. The model is unchanged in each case.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ConfigError(f"name is {name!r}; allowed: letters, digits, '_' and '-'.")
    _require_free(model, name)
    targets = find_targets(model, config)
    for target in targets:
        _require_rank(target, config.rank)
    updates = [_build_update(target, config) for target in targets]

    # Everything that can fail has been done; from here on the model changes.
    model.requires_grad_(False)
    for target, update in zip(targets, updates, strict=True):
        layer = target.module
        if not isinstance(layer, AdaptedLayer):
            layer = AdaptedLayer(layer, target.kind)
            for place in target.names:
                _replace(model, place, layer)
        layer.updates[name] = update
    for module_name, module in walk(model):
        if is_under(module_name, config.train_modules):
            module.requires_grad_(True)
    injected_configs(model)[name] = config
    return model


def injected_configs(model: nn.Module) -> dict[str, AdapterConfig]:
    """Return the configurations of the adapters on ``model``, by adapter name; the model keeps it."""
    if "adalora_configs" not in model.__dict__:
        model.__dict__["adalora_configs"] = {}
    configs: dict[str, AdapterConfig] = model.__dict__["adalora_configs"]
    return configs


def _require_free(model: nn.Module, name: str) -> None:
    for layer_name, layer in adapters(model).items():
        if name in layer.updates:
            raise StateError(
                f"the model already has an adapter named {name!r} (on {layer_name!r}); "
                f"give the new one another name: inject(model, config, name=…)."
            )
        if layer.merged:
            raise StateError("the model is merged; call unmerge_(model) before a further inject.")


def _require_rank(target: Target, rank: int) -> None:
    d1, d2 = target.kind.shape(base_of(target.module))
    if rank > min(d1, d2):
        raise TargetError(
            f"rank is {rank}; allowed for {target.names[0]!r} of shape ({d1}, {d2}): 1 to {min(d1, d2)}. "
            f"Lower the rank or put the module in exclude_modules."
        )


def _build_update(target: Target, config: AdapterConfig) -> SVDUpdate:
    base = base_of(target.module)
    d1, d2 = target.kind.shape(base)
    weight = cast(nn.Parameter, base.weight)
    # Half-precision weights get float32 factors: λ moves by steps that bfloat16 would round away.
    dtype = torch.promote_types(weight.dtype, torch.float32)
    divisor = config.rank if config.scaling == "lora" else math.sqrt(config.rank)
    scaling = config.alpha / divisor
    return SVDUpdate(
        d1,
        d2,
        config.rank,
        scaling,
        dropout=config.dropout,
        init=config.init,
        device=weight.device,
        dtype=dtype,
    )


def _replace(model: nn.Module, name: str, new: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)
