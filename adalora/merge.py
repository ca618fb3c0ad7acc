"""Moving updates into the base weights and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from torch import nn

from .errors import StateError
from .inject import forget_configs
from .layers import AdaptedLayer
from .walk import adapters, replace, walk

M = TypeVar("M", bound=nn.Module)


def merge_(model: M) -> M:
    """Put W₀ + ΔW in every adapted layer, so that inference costs what the base model costs.

    The original weights are kept beside (a second copy of the adapted matrices), so that `unmerge_` restores
    them exactly; `unload` lets them go.

    Raises:
        StateError: the model has no adapter, or is merged or disabled; it is unchanged.
    """
    layers = _adapted(model)
    if any(layer.merged for layer in layers):
        raise StateError("the model is merged already; call unmerge_(model) first.")
    _merge(layers)
    return model


def unmerge_(model: M) -> M:
    """Put the original weights back, identical to the bit.

    Raises:
        StateError: the model has no adapter, or is not merged, or is disabled; it is unchanged.
    """
    layers = _adapted(model)
    if not all(layer.merged for layer in layers):
        raise StateError("the model is not merged; call merge_(model) first.")
    for layer in layers:
        layer.unmerge_()
    return model


@contextmanager
def merged(model: M) -> Iterator[M]:
    """Merge within the block and restore the original weights after it, whatever happens inside."""
    merge_(model)
    try:
        yield model
    finally:
        unmerge_(model)


def unload(model: M) -> M:
    """Merge for good and return the model with plain layers; its weights stay frozen.

    Raises:
        StateError: the model has no adapter, or it is disabled; the model is unchanged.
    """
    _merge([layer for layer in _adapted(model) if not layer.merged])
    for name, module in list(walk(model)):
        if isinstance(module, AdaptedLayer):
            replace(model, name, module.base)
    forget_configs(model)
    return model


def _merge(layers: list[AdaptedLayer]) -> None:
    # All sums first: if the memory does not suffice, no layer has changed.
    totals = [layer.total_weight() for layer in layers]
    for layer, total in zip(layers, totals, strict=True):
        layer.merge_(total)


def _adapted(model: nn.Module) -> list[AdaptedLayer]:
    layers = list(adapters(model).values())
    if not layers:
        raise StateError("the model has no adapter; call inject(model, config) first.")
    if not all(layer.enabled for layer in layers):
        raise StateError("the adapters are disabled; leave the block of disabled(model) first.")
    return layers
