"""The stacks of transformer layers in a model, found by what they are and not by what they are called."""

from torch import nn


def stacks(model: nn.Module) -> list[list[nn.Module]]:
    """Return the layers of every stack in module order, an encoder's before its decoder's.

    A stack is a list of modules with an attention in each; lists within layers are none.
    """
    found: dict[str, list[nn.Module]] = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if isinstance(module, nn.ModuleList) and len(module) and not inside and all(map(_attends, module)):
            found[name] = list(module)
    return list(found.values())


def _attends(layer: nn.Module) -> bool:
    return any("attention" in type(module).__name__.lower() for module in layer.modules())
