"""Which layers of a run are quantised: the linear ones among those that its adapter changes."""

from collections.abc import Callable
from typing import Any

from torch import nn

import adalora
from adalora.bases import storage_of
from adalora.candidates import base_of
from adalora.errors import ConfigError
from adalora.layers.linear import Linear
from adalora.quantize import quantizable
from adalora.targets import ALL_LINEAR, Target, survey

from .config import RunConfig


def quantize(model: nn.Module, config: RunConfig) -> None:
    """Quantise the linear layers that the adapter will be put on; its other targets stay as they are.

    Raises:
        ConfigError: the adapter changes no linear layer, or bitsandbytes is not installed.
        TargetError: the adapter does not fit the model. The model is unchanged in each case.
    """
    _require_some(model, config)
    adalora.quantize_(model, **_arguments(model, config, _quantisable))


def _require_some(model: nn.Module, config: RunConfig) -> None:
    if not any(map(_quantisable, survey(model, config.adapter).targets)):
        raise ConfigError(
            f"quantization.kind is {config.quantization.kind!r}, but adapter.target_modules "
            f"{config.adapter.target_modules!r} names no linear layer; allowed: null, or target_modules with "
            f"linear layers among them."
        )


def planned(model: nn.Module, config: RunConfig) -> list[Target]:
    """List the layers that `quantize` would turn; nothing changes, and the weights may be on the meta device.

    Raises:
        ConfigError: the adapter changes no linear layer.
        TargetError: the adapter does not fit the model.
    """
    _require_some(model, config)
    words = _arguments(model, config, _quantisable)
    return quantizable(model, words["target_modules"], words["exclude_modules"])


def call_of(model: nn.Module, config: RunConfig) -> str:
    """Return Python that quantises ``model`` as `quantize` has quantised a trained one."""
    kind, *others = _arguments(model, config, _quantised).items()
    words = [repr(kind[1]), *(f"{name}={value!r}" for name, value in others)]
    return f"adalora.quantize_(model, {', '.join(words)})"


def _arguments(model: nn.Module, config: RunConfig, meant: Callable[[Target], bool]) -> dict[str, Any]:
    """Return arguments in the adapter's own words, less the layers that are not meant: so they stay short."""
    adapter, found = config.adapter, survey(model, config.adapter)
    # With "all-linear" quantize_ knows by itself which of the targets it cannot take.
    others = [] if adapter.target_modules == ALL_LINEAR else [one for one in found.targets if not meant(one)]
    floating = [one.names[0] for one in (*found.small, *others)]
    return {
        "kind": config.quantization.kind,
        "double_quant": config.quantization.double_quant,
        "target_modules": adapter.target_modules,
        "exclude_modules": [*adapter.exclude_modules, *adapter.train_modules, *floating],
    }


def _quantisable(target: Target) -> bool:
    return isinstance(target.kind, Linear) and target.owner is None


def _quantised(target: Target) -> bool:
    return storage_of(base_of(target.module)).rounds
