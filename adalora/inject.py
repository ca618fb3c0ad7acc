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
from .walk import adapters, replace, unwrap, walk

M = TypeVar("M", bound=nn.Module)

_CONFIGS = "adalora_configs"  # the model's own record of what was injected


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
        ConfigError: the name has characters beside letters, digits, ``_`` and ``-``, or torch has taken it.
        TargetError: no such modules, or the rank is above min(d₁, d₂) of one of them.
        StateError: the model has an adapter of that name, or is merged. The model is unchanged in each case.
    """
    # Updates live in an nn.ModuleDict, which refuses the names of its own methods, such as "keys".
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or hasattr(nn.ModuleDict(), name):
        raise ConfigError(
            f"name is {name!r}; allowed: letters, digits, '_' and '-', and no attribute of nn.ModuleDict."
        )
    _require_free(model, name)
    targets = find_targets(model, config)
    for target in targets:
        _require_rank(target, config.rank)
    updates = [_build_update(target, config) for target in targets]
    trained = _parameters_to_train(model, config)

    # Everything that can fail has been done; from here on the model changes.
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None  # an optimizer that holds it must not move it once more
    for target, update in zip(targets, updates, strict=True):
        layer = target.module
        if not isinstance(layer, AdaptedLayer):
            layer = AdaptedLayer(layer, target.kind)
            for place in target.names:
                replace(model, place, layer)
        layer.updates[name] = update
    for parameter in trained:
        parameter.requires_grad_(True)
    unwrap(model).__dict__[_CONFIGS] = {**injected_configs(model), name: config}
    return model


def injected_configs(model: nn.Module) -> dict[str, AdapterConfig]:
    """Return the configurations of the adapters on ``model``, by adapter name."""
    return dict(unwrap(model).__dict__.get(_CONFIGS, {}))


def forget_configs(model: nn.Module) -> None:
    """Drop the record of the adapters, once they are gone."""
    unwrap(model).__dict__.pop(_CONFIGS, None)


def _parameters_to_train(model: nn.Module, config: AdapterConfig) -> list[nn.Parameter]:
    found = []
    for name, module in walk(model):
        if is_under(name, config.train_modules):
            own = base_of(module).named_parameters(recurse=isinstance(module, AdaptedLayer))
            for key, parameter in own:
                if not parameter.is_floating_point():
                    raise TargetError(
                        f"train_modules {config.train_modules} holds {name}.{key} of type {parameter.dtype}, "
                        f"which has no gradient; name modules with floating-point weights."
                    )
                found.append(parameter)
    return found


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
