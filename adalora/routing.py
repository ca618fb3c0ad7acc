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


@contextmanager
def route(model: nn.Module, names_per_example: Sequence[str | None]) -> Iterator[nn.Module]:
    """Within the block each example of a batch gets the adapter that is named for it.

    The frozen layers run once for the whole batch, and each example's own update is added to its rows, so the
    outputs are those that each adapter gives alone. Modules trained in full run once for each adapter. It
    counts for whatever runs within the block, `generate` too; with several beams, name each example as often
    as it has beams.

    Args:
        model: a model with adapters, not merged; it has to keep the examples along the first dimension of
            its tensors, as all of `transformers` do.
        names_per_example: name of an adapter, or None for the frozen base alone, for each row of the batch.

    Raises:
        ConfigError: there are no names, or one is not a text.
        StateError: the model has no adapter of that name, or is merged or disabled, or has a module that
            keeps examples along the second dimension. Later, within the block: a batch has another number of
            examples than there are names.
    """
    routes = Routes(tuple(names_per_example))
    _require_names(model, names_per_example, routes)
    layers: list[AdaptedLayer | Variants] = [*adapters(model).values(), *variants(model).values()]
    before = [layer.routes for layer in layers]
    watch = unwrap(model).register_forward_pre_hook(_counts(model, len(routes.names)), with_kwargs=True)
    for layer in layers:
        layer.routes = routes
    try:
        yield model
    finally:
        watch.remove()
        for layer, routes_before in zip(layers, before, strict=True):
            layer.routes = routes_before


def _require_names(model: nn.Module, given: object, routes: Routes) -> None:
    if isinstance(given, str) or not routes.names:
        raise ConfigError(
            f"names_per_example is {given!r}; allowed: a list with the name of an adapter, or None for the "
            f"frozen base, for each example of the batch."
        )
    for name in dict.fromkeys(routes.names):
        if name is not None:
            require_adapter(model, name)
    layers = adapters(model)
    if any(layer.merged for layer in layers.values()):
        raise StateError("the model is merged; call unmerge_(model) before route.")
    if not all(layer.enabled for layer in layers.values()):
        raise StateError("the adapters are disabled; leave the block of disabled(model) first.")
    for name, module in unwrap(model).named_modules():
        if getattr(module, "batch_first", True) is False:
            raise StateError(
                f"{name!r} has batch_first=False, so the examples do not lie along the first dimension; "
                f"allowed in route: batch_first=True."
            )


def _counts(model: nn.Module, names: int) -> Any:
    """Return a hook that compares the number of examples with that of names, before the model runs."""
    main = getattr(unwrap(model), "main_input_name", None)

    def check(_: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        usual = [kwargs.get(name) for name in (main, *_FIRST) if name]
        x = next(
            (x for x in (*args, *usual, *kwargs.values()) if isinstance(x, Tensor) and x.dim() > 0), None
        )
        if x is not None and len(x) != names:
            raise StateError(
                f"route was given {names} names, and the batch has {len(x)} examples; name an adapter for "
                f"each of them."
            )

    return check
