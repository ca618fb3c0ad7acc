"""A model's own record of the adapters on it: their settings, and which of them take part."""

from collections.abc import Mapping

from torch import nn

from .config import AdapterConfig
from .errors import StateError
from .walk import unwrap

_CONFIGS, _ACTIVE, _FOUND = "adalora_configs", "adalora_active", "adalora_found"


def injected_configs(model: nn.Module) -> dict[str, AdapterConfig]:
    """Return the configurations of the adapters on ``model``, by name, in the order in which they came."""
    return dict(unwrap(model).__dict__.get(_CONFIGS, {}))


def active_adapters(model: nn.Module) -> dict[str, float]:
    """Return the weights of the adapters that take part, by name, in the order in which they came."""
    return dict(unwrap(model).__dict__.get(_ACTIVE, {}))


def require_adapter(model: nn.Module, name: str) -> AdapterConfig:
    """Return the configuration of one adapter.

    Raises:
        StateError: the model has no adapter of that name.
    """
    configs = injected_configs(model)
    if name not in configs:
        raise StateError(f"the model has no adapter named {name!r}; it has: {', '.join(configs) or 'none'}.")
    return configs[name]


def record(model: nn.Module, configs: Mapping[str, AdapterConfig], active: Mapping[str, float]) -> None:
    """Note which adapters a model has, and which of them take part."""
    unwrap(model).__dict__.update({_CONFIGS: dict(configs), _ACTIVE: dict(active)})


def keep_found(model: nn.Module, modules: Mapping[str, nn.Module]) -> None:
    """Note what modules were before the first adapter trained them: copies, by name."""
    unwrap(model).__dict__[_FOUND] = dict(modules)


def found_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Return what `keep_found` has noted."""
    return dict(unwrap(model).__dict__.get(_FOUND, {}))


def forget(model: nn.Module) -> None:
    """Drop the record of the adapters, once they are gone."""
    for key in (_CONFIGS, _ACTIVE, _FOUND):
        unwrap(model).__dict__.pop(key, None)
