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


def base_name(model: nn.Module) -> str:
    """Return name or path of the base model, as far as it is known."""
    return str(getattr(getattr(unwrap(model), "config", None), "_name_or_path", ""))


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


def adapted_parts(model: nn.Module) -> tuple[list[AdaptedLayer], list[Variants]]:
    """Return the adapted layers, and the modules of which adapters have copies, in one walk."""
    layers, several = _parts(model)
    return list(layers.values()), list(several.values())


def _parts(model: nn.Module) -> tuple[dict[str, AdaptedLayer], dict[str, Variants]]:
    layers: dict[int, tuple[str, AdaptedLayer]] = {}
    several: dict[str, Variants] = {}
    for name, module, used in _places("", unwrap(model)):
        if isinstance(used, AdaptedLayer):
            layers.setdefault(id(used), (name, used))
        if isinstance(module, Variants):
            several[name] = module
    return dict(layers.values()), several


def adapters(model: nn.Module) -> dict[str, AdaptedLayer]:
    """Return the adapted layers of a model by module name, in module order.

    A layer that hangs in two places is listed once, under its first name.
    """
    return _parts(model)[0]


def variants(model: nn.Module) -> dict[str, Variants]:
    """Return the modules of which adapters have copies, by the name that each copy has."""
    return _parts(model)[1]


def replace(model: nn.Module, name: str, new: nn.Module) -> None:
    """Put ``new`` where the module called ``name`` hangs."""
    parent, _, child = name.rpartition(".")
    setattr(unwrap(model).get_submodule(parent), child, new)
