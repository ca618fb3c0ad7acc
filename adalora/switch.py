"""Choosing which adapters of a model take part: all the time, or for a while."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from torch import nn

from .checks import number, require
from .errors import StateError
from .injected import injected_configs, record, require_adapter
from .layers import AdaptedLayer, Variants
from .trained import trained_parameters
from .walk import adapted_parts, adapters

M = TypeVar("M", bound=nn.Module)


def set_adapter(model: M, names: str | Sequence[str] | Mapping[str, float]) -> M:
    """Choose the adapters that take part, and that train; the base model is neither copied nor read.

    Updates are added up in the order in which they were injected, whatever the order of ``names``. Of modules
    that adapters train in full (``train_modules``) one copy runs: that of the last of them that has one.

    Args:
        model: a model with adapters, not merged.
        names: one name; or several, which all count whole; or weights by name, with
            h = W₀x + Σₖ wₖ ΔWₖ x; none at all leaves the base model, to which a further `inject` adds.

    Returns:
        The same model.

    Raises:
        StateError: the model has no adapter of that name, or is merged or disabled.
        ConfigError: ``names`` is none of these, or a weight is not finite, or is other than 1 for an adapter
            with DoRA, whose magnitude is of the whole sum. The model is unchanged in each case.
    """
    asked = weights_of(names)
    for name in asked:
        require_adapter(model, name)
    require_weights(model, asked)
    layers, several = adapted_parts(model)
    if any(layer.merged for layer in layers):
        raise StateError("the model is merged; call unmerge_(model) before set_adapter.")
    if not all(layer.enabled for layer in layers):
        raise StateError("the adapters are disabled; leave the block of disabled(model) first.")
    _choose(model, asked, layers, several)
    for layer in layers:
        for name, parameters in layer.adapter_parameters().items():
            _let_train(parameters, name in asked)
    for module in several:
        for name, own in module.copies.items():
            _let_train(own.parameters(), name in asked)
    for name, config in injected_configs(model).items():
        if not any(name in module.copies for module in several):  # it trains them where they are
            _let_train(trained_parameters(model, config, name), name in asked)
    return model


def weights_of(names: str | Sequence[str] | Mapping[str, float]) -> dict[str, float]:
    """Return weights by adapter name for what `set_adapter` takes."""
    if isinstance(names, str):
        return {names: 1.0}
    listed = list(names) if isinstance(names, Sequence | Mapping) else [None]
    require(
        all(isinstance(one, str) for one in listed),
        "names",
        names,
        "a name, a list of names, or weights by name",
    )
    if not isinstance(names, Mapping):
        return dict.fromkeys(names, 1.0)
    allowed = "a finite number"
    weights = {name: number(f"weight of {name!r}", weight, allowed) for name, weight in names.items()}
    for name, weight in weights.items():
        require(math.isfinite(weight), f"weight of {name!r}", weight, allowed)
    return weights


def require_weights(model: nn.Module, weights: Mapping[str, float]) -> None:
    """Raise where an adapter with DoRA has a weight."""
    configs = injected_configs(model)
    for name, weight in weights.items():
        whole = "1, because it has DoRA, whose magnitude is of the whole weight and not of a part"
        require(weight == 1 or not configs[name].dora, f"weight of {name!r}", weight, whole)


def activate(model: nn.Module, weights: Mapping[str, float]) -> None:
    """Let adapters take part with their weights, in the order in which they were injected."""
    _choose(model, weights, *adapted_parts(model))


def _choose(
    model: nn.Module, weights: Mapping[str, float], layers: list[AdaptedLayer], several: list[Variants]
) -> None:
    configs = injected_configs(model)
    ordered = {name: weights[name] for name in configs if name in weights}
    for layer in layers:
        layer.activate(ordered)
    for module in several:
        module.chosen = next((name for name in reversed(ordered) if name in module.copies), None)
    record(model, configs, ordered)


@contextmanager
def disabled(model: nn.Module) -> Iterator[nn.Module]:
    """Within the block the model answers as its frozen base does, merged or not.

    A base that keeps the residual of a start from singular vectors answers with what was taken out put back,
    which is the frozen base as far as its type could hold the residual. Modules trained in full
    (``train_modules``) keep their trained values.
    """
    layers = list(adapters(model).values())
    before = [layer.enabled for layer in layers]
    merged = [(layer, layer.base_weight, layer.rounding_error or 0.0) for layer in layers if layer.merged]
    for layer, *_ in merged:
        layer.unmerge_()
    for layer in layers:
        layer.enabled = False
    try:
        yield model
    finally:
        for layer, enabled in zip(layers, before, strict=True):
            layer.enabled = enabled
        for layer, total, rounding_error in merged:
            layer.merge_(total, rounding_error)


def _let_train(parameters: Iterable[nn.Parameter], trains: bool) -> None:
    for parameter in parameters:
        if parameter.requires_grad != trains:
            parameter.requires_grad_(trains)
            parameter.grad = None  # an optimizer that holds it must not move it once more
