"""Walking over a model: its modules, and the adapted layers among them."""

from collections.abc import Iterator

from torch import nn

from .layers import AdaptedLayer, Variants

CHOSEN = object()
"""For `walk`: where adapters have copies of a module, the one that runs."""


def unwrap(model: nn.Module) -> nn.Module:
    """Return the module inside `torch.compile`'s and the data-parallel wrappers, whose names nobody wants."""
    inner = getattr(model, "_orig_mod", None)
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = model.module
    return unwrap(inner) if isinstance(inner, nn.Module) else model


def walk(model: nn.Module, adapter: object = CHOSEN) -> Iterator[tuple[str, nn.Module]]:
    """Yield every module by dotted name, parents first; an adapted layer is one module, not looked into.

    A module that hangs in two places comes twice. A wrapper around the whole model is not seen.

    Args:
        model: the model.
        adapter: name of the adapter whose copies of modules trained in full are meant.
    """
    yield from walk_from("", unwrap(model), adapter)


def walk_from(name: str, module: nn.Module, adapter: object = CHOSEN) -> Iterator[tuple[str, nn.Module]]:
    """Yield a module that hangs under ``name``, and what it holds; see `walk`."""
    for place, _, used in _places(name, module, adapter):
        yield place, used


def _places(
    name: str, module: nn.Module, adapter: object = CHOSEN
) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """Yield names, what hangs there, and of several copies the one that is meant."""
    waiting = [(name, module)]
    while waiting:  # not by recursion: every module would be handed up through all above it
        name, module = waiting.pop()
        used = module
        if isinstance(module, Variants):
            used = module.of(module.chosen if adapter is CHOSEN else str(adapter))
        yield name, module, used
        if not isinstance(used, AdaptedLayer) and used._modules:
            before = f"{name}." if name else ""
            inner = reversed(used._modules.items())
            waiting += [(before + child_name, child) for child_name, child in inner if child is not None]


def adapters(model: nn.Module) -> dict[str, AdaptedLayer]:
    """Return the adapted layers of a model by module name, in module order.

    A layer that hangs in two places is listed once, under its first name.
    """
    found: dict[int, tuple[str, AdaptedLayer]] = {}
    for name, module in walk(model):
        if isinstance(module, AdaptedLayer):
            found.setdefault(id(module), (name, module))
    return dict(found.values())


def variants(model: nn.Module) -> dict[str, Variants]:
    """Return the modules of which adapters have copies, by the name that each copy has."""
    places = _places("", unwrap(model))
    return {name: module for name, module, _ in places if isinstance(module, Variants)}


def replace(model: nn.Module, name: str, new: nn.Module) -> None:
    """Put ``new`` where the module called ``name`` hangs."""
    parent, _, child = name.rpartition(".")
    setattr(unwrap(model).get_submodule(parent), child, new)
