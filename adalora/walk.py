"""Walking over a model: its modules, and the adapted layers among them."""

from collections.abc import Iterator

from torch import nn

from .layers import AdaptedLayer


def walk(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield every module by dotted name, parents first; an adapted layer is one module, not looked into.

    A module that hangs in two places comes twice.
    """
    yield name, module
    if isinstance(module, AdaptedLayer):
        return
    for child_name, child in module._modules.items():
        if child is not None:
            yield from walk(child, f"{name}.{child_name}" if name else child_name)


def adapters(model: nn.Module) -> dict[str, AdaptedLayer]:
    """Return the adapted layers of a model by module name, in module order.

    A layer that hangs in two places is listed once, under its first name.
    """
    found: dict[str, AdaptedLayer] = {}
    for name, module in walk(model):
        if isinstance(module, AdaptedLayer) and all(module is not other for other in found.values()):
            found[name] = module
    return found
