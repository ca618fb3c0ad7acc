"""Putting an adapter on a model."""

import re
import warnings
from typing import TypeVar

from torch import nn

from .config import AdapterConfig
from .errors import ConfigError, StateError, TargetError
from .layers import AdaptedLayer
from .plan import plan
from .surgery import take_apart, tell
from .targets import Target, base_of, find_targets, is_under, too_small
from .tied import require_untied, untie
from .updates import SPECTRAL
from .walk import adapters, replace, unwrap, walk

M = TypeVar("M", bound=nn.Module)

_CONFIGS = "adalora_configs"  # the model's own record of what was injected


def inject(model: M, config: AdapterConfig, name: str = "default") -> M:
    """Put an adapter on ``model`` in place and freeze everything else but ``config.train_modules``.

    The model's outputs do not change, whatever the start, as far as the type of the base weights can hold the
    residual of a start from singular vectors. Random starts come from torch's global generator. A second
    adapter under another name is added to the first, and only the new one trains.

    Args:
        model: any module; its targeted layers are replaced by `AdaptedLayer`s that hold them.
        config: what to put where.
        name: name of the adapter.

    Returns:
        The same model.

    Raises:
        ConfigError: the name has characters beside letters, digits, ``_`` and ``-``, or torch has taken it.
        TargetError: no such modules; the rank is above min(d₁, d₂) of one of them; DoRA is asked for on a
            layer that it is not defined on; or two of them share their weight.
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
        _require_fits(target, config)
    tied = require_untied(model, targets)
    _warn_of_small_layers(model, config)
    plans = [plan(target, config) for target in targets]
    trained = _parameters_to_train(model, config)

    # Everything that can fail has been done; from here on the model changes.
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None  # an optimizer that holds it must not move it once more
    take_apart(model, targets)
    for target, planned in zip(targets, plans, strict=True):
        layer = target.module
        if not isinstance(layer, AdaptedLayer):
            layer = AdaptedLayer(layer, target.kind)
            for place in target.names:
                replace(model, place, layer)
        planned.put_on(layer, name)
    for parameter in trained:
        parameter.requires_grad_(True)
    tell(model)
    if tied and config.init in SPECTRAL:  # the residual has parted them
        untie(model)
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


def _warn_of_small_layers(model: nn.Module, config: AdapterConfig) -> None:
    small = too_small(model, config)
    if small:
        shown = ", ".join(f"{target.names[0]} {target.shape[-2:]}" for target in small[:3])
        warnings.warn(
            f"'all-linear' leaves out {len(small)} layers that are too small for rank {config.rank} and stay "
            f"frozen: {shown}{', …' if len(small) > 3 else ''}. Name them in train_modules to train them in "
            f"full, or in exclude_modules to leave them out knowingly.",
            stacklevel=3,
        )


def _require_fits(target: Target, config: AdapterConfig) -> None:
    base = base_of(target.module)
    d1, d2 = target.shape[-2:]
    if not target.holds(config.rank):
        groups = getattr(base, "groups", 1)
        why = f" (its {groups} groups share the filters, so d2 counts one group)" if groups > 1 else ""
        raise TargetError(
            f"rank is {config.rank}; allowed for {target.names[0]!r} of shape ({d1}, {d2}){why}: 1 to "
            f"{min(d1, d2)}. Lower the rank or put the module in exclude_modules."
        )
    if config.dora and target.kind.channels(base) is None:
        raise TargetError(
            f"dora is True, and {target.names[0]!r} is of type {type(base).__name__}; allowed: linear layers "
            f"and convolutions. Put the module in exclude_modules, or give it an adapter of its own."
        )
