"""Batches whose examples have different adapters."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from .errors import ConfigError, StateError
from .injected import require_adapter
from .layers import AdaptedLayer, Routes, Variants
from .walk import adapters, unwrap, variants

_FIRST = ("input_ids", "inputs_embeds", "decoder_input_ids")
# They turn the sequence to the first dimension inside, or give experts of their own some of the tokens.
_OTHERWISE = frozenset({"fsmt", "led", "longformer", "nllb-moe", "switch_transformers", "xlnet"})


@contextmanager
def route(model: nn.Module, names_per_example: Sequence[str | None]) -> Iterator[nn.Module]:
    """Within the block each example of a batch gets the adapter that is named for it.

    The frozen layers run once for the whole batch, and each example's own update is added to its rows, so the
    outputs are those that each adapter gives alone. Modules trained in full run once for each adapter. It
    counts for whatever runs within the block, `generate` too; with several beams of a decoder, name each
    example as often as it has beams. With gradient checkpointing the backward pass belongs in the block too.

    Args:
        model: a model with adapters, not merged; it has to keep the examples along the first dimension of
            its tensors, or to flatten all tokens of all examples.
        names_per_example: name of an adapter, or None for the frozen base alone, for each row of the batch.

    Raises:
        ConfigError: there are no names, or one is not a text.
        StateError: the model has no adapter of that name, or is merged or disabled, or is known to keep the
            examples elsewhere. Later, within the block: a batch has another number of examples than there are
            names, or an adapted layer an input of another shape.
    """
    routes = Routes(_names(names_per_example))
    _require_names(model, routes)
    layers: list[AdaptedLayer | Variants] = [*adapters(model).values(), *variants(model).values()]
    before = [layer.routes for layer in layers]
    watch = unwrap(model).register_forward_pre_hook(_look(model, routes, layers), with_kwargs=True)
    for layer in layers:
        layer.routes = routes
    try:
        yield model
    finally:
        watch.remove()
        for layer, routes_before in zip(layers, before, strict=True):
            layer.routes = routes_before


def _names(given: object) -> tuple[str | None, ...]:
    names = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
    if not names or not all(name is None or isinstance(name, str) for name in names):
        raise ConfigError(
            f"names_per_example is {given!r}; allowed: a list with the name of an adapter, or None for the "
            f"frozen base, for each example of the batch."
        )
    return names


def _require_names(model: nn.Module, routes: Routes) -> None:
    for name in dict.fromkeys(routes.names):
        if name is not None:
            require_adapter(model, name)
    layers = adapters(model)
    if any(layer.merged for layer in layers.values()):
        raise StateError("the model is merged; call unmerge_(model) before route.")
    if not all(layer.enabled for layer in layers.values()):
        raise StateError("the adapters are disabled; leave the block of disabled(model) first.")
    kind = getattr(getattr(unwrap(model), "config", None), "model_type", None)
    if kind in _OTHERWISE:
        raise StateError(f"a model of type {kind!r} does not keep the examples of a batch in rows; no route.")
    for name, module in unwrap(model).named_modules():
        if getattr(module, "batch_first", True) is False:
            raise StateError(
                f"{name!r} has batch_first=False, so the examples do not lie along the first dimension; "
                f"allowed in route: batch_first=True."
            )


def _look(model: nn.Module, routes: Routes, layers: list[AdaptedLayer | Variants]) -> Any:
    """Return a hook that compares the number of examples with that of names, before the model runs."""
    main = getattr(unwrap(model), "main_input_name", None)

    def check(_: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        usual = [kwargs.get(name) for name in (main, *_FIRST) if name]
        inputs = (*args, *usual, *kwargs.values())
        x = next((x for x in inputs if isinstance(x, Tensor) and x.dim() > 0), None)
        if x is None or not any(layer.routes is routes for layer in layers):  # another block lies inside
            return
        if len(x) != len(routes.names):
            raise StateError(
                f"route was given {len(routes.names)} names, and the batch has {len(x)} examples; name an "
                f"adapter for each of them."
            )
        if x.dim() > 1:
            routes.lengths.add(x.shape[1])

    return check
