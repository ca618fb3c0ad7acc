"""Moving updates into the base weights and back."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from torch import nn

from .dequantize import dequantized_layers, forget_quantization
from .errors import StateError
from .injected import forget
from .layers import AdaptedLayer
from .surgery import put_together, tell
from .tied import shares, untie
from .walk import adapters, replace, variants, walk
from .wrappers import sharding_wrapper

M = TypeVar("M", bound=nn.Module)


def merge_(model: M) -> M:
    """Put W₀ + ΔW in every adapted layer, so that inference costs what the base model costs.

    The original weights are kept beside (a second copy of the adapted matrices), so that `unmerge_` restores
    them exactly; `unload` lets them go. A quantised weight is dequantised, added to and quantised again; the
    rounding error is warned of, and each layer's ``rounding_error`` holds its own.

    Raises:
        StateError: the model has no adapter, is merged or disabled, or is wrapped for data-parallel or
            sharded training; it is unchanged.
    """
    layers = _adapted(model)
    if any(layer.merged for layer in layers.values()):
        raise StateError("the model is merged already; call unmerge_(model) first.")
    _merge(layers)
    return model


def unmerge_(model: M) -> M:
    """Put the original weights back, identical to the bit.

    Raises:
        StateError: the model has no adapter, is not merged, is disabled, or is wrapped; it is unchanged.
    """
    layers = _adapted(model).values()
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


def unload(model: M, *, dequantize: bool = False) -> M:
    """Merge the active adapters for good, and return the model with plain layers; its weights stay frozen.

    The other adapters are dropped.

    Args:
        model: the model.
        dequantize: turn every quantised layer, adapted or not, into one with floating-point weights, to which
            updates are added before they are rounded to the type of the model's other weights. Otherwise
            quantised layers stay so, and the sums are quantised.

    Raises:
        StateError: the model has no adapter, is disabled, or is wrapped; the model is unchanged.
    """
    layers = _adapted(model)
    tied = shares(model)
    plain = dequantized_layers(model) if dequantize else {}
    _merge({name: one for name, one in layers.items() if not one.merged and id(one) not in plain})
    for name, module in list(walk(model)):
        if id(module) in plain:
            replace(model, name, plain[id(module)])
        elif isinstance(module, AdaptedLayer):
            replace(model, name, module.base)
    for name, module in variants(model).items():
        replace(model, name, module.of(module.chosen))
    forget(model)
    put_together(model)
    tell(model)
    if dequantize:
        forget_quantization(model)
    if tied:
        untie(model)
    return model


def _merge(layers: dict[str, AdaptedLayer]) -> None:
    # All sums first: if the memory does not suffice, or a warning is an error, no layer has changed.
    sums = {name: layer.encoded() for name, layer in layers.items()}
    errors = {name: error for name, (_, error) in sums.items() if layers[name].storage.rounds}
    if errors:
        worst = max(errors, key=errors.__getitem__)
        warnings.warn(
            f"merging into {len(errors)} quantised weights: rounding moves them by "
            f"{sum(errors.values()) / len(errors):.2%} of their norm on average, at most {errors[worst]:.2%} "
            f"({worst}). unload(model, dequantize=True) does not round.",
            stacklevel=3,
        )
    for name, layer in layers.items():
        layer.merge_(*sums[name])


def _adapted(model: nn.Module) -> dict[str, AdaptedLayer]:
    wrapper = sharding_wrapper(model)
    if wrapper is not None:
        raise StateError(
            f"the model is held by {wrapper}, under which weights must stay where they are; save the "
            f"adapter, load it onto the plain model, and merge there."
        )
    layers = adapters(model)
    if not layers:
        raise StateError("the model has no adapter; call inject(model, config) first.")
    if not all(layer.enabled for layer in layers.values()):
        raise StateError("the adapters are disabled; leave the block of disabled(model) first.")
    return layers
