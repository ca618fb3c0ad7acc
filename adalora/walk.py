"""Walking over a model: its modules, and the adapted layers among them."""

from collections.abc import Iterator

from torch import nn

from .layers import AdaptedLayer


def unwrap(model: nn.Module) -> nn.Module:
    """Return the module inside `torch.compile`'s and the data-parallel wrappers, whose names nobody wants."""
    inner = getattr(model, "_orig_mod", None)
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = model.module
    return unwrap(inner) if isinstance(inner, nn.Module) else model


def walk(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield every module by dotted name, parents first; an adapted layer is one module, not looked into.

    A module that hangs in two places comes twice. A wrapper around the whole model is not seen.
    """
    yield from _walk("", unwrap(model))


def _walk(name: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    yield name, module
    if isinstance(module, AdaptedLayer):
        return
    for child_name, child in module._modules.items():
        if child is not None:
            yield from _walk(f"{name}.{child_name}" if name else child_name, child)


def adapters(model: nn.Module) -> dict[str, AdaptedLayer]:
    """Return the adapted layers of a model by module name, in module order.

    A layer that hangs in two places is listed once, under its first name.
    """
    found: dict[int, tuple[str, AdaptedLayer]] = {}
    for name, module in walk(model):
        if isinstance(module, AdaptedLayer):
            found.setdefault(id(module), (name, module))
    return dict(found.values())


def replace(model: nn.Module, name: str, new: nn.Module) -> None:
    """Put ``new`` where the module called ``name`` hangs."""
    parent, _, child = name.rpartition(".")
    setattr(unwrap(model).get_submodule(parent), child, new)
