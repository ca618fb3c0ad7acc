"""Taking modules of several matrices apart and together, and what else a model must know of its adapters."""

from torch import nn

from .layers import AdaptedLayer, is_split
from .targets import Target
from .walk import adapters, replace, unwrap, walk


def take_apart(model: nn.Module, targets: list[Target]) -> None:
    """Put modules of single matrices where the targets are matrices of a larger module."""
    owners = {id(target.owner): target.owner for target in targets if target.owner is not None}
    for owner in owners.values():
        wrapped = owner.split.wrap(owner.module, owner.parts)
        for name in owner.names:
            replace(model, name, wrapped)


def put_together(model: nn.Module) -> None:
    """Undo `take_apart` wherever all matrices are plain ones again."""
    joined: dict[int, nn.Module] = {}
    for name, module in list(walk(model)):
        if is_split(module) and module.joinable():
            replace(model, name, joined.setdefault(id(module), module.join()))


def tell(model: nn.Module) -> None:
    """Set what other libraries ask a model before they use it, as long as it has adapters.

    In evaluation `nn.TransformerEncoderLayer` hands its weights to one fused function, and never runs the
    layers that hold them: that shortcut is switched off. The Trainer refuses to train a model that was loaded
    quantised and knows no adapters but those of `peft`.
    """
    top = unwrap(model)
    if "is_quantized" in top.__dict__:
        _override(top, "is_quantized", bool(adapters(model)), False)
    for _, module in walk(model):
        if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerEncoder):
            adapted = any(isinstance(inner, AdaptedLayer) for inner in module.modules())
            if isinstance(module, nn.TransformerEncoder):
                _override(module, "use_nested_tensor", adapted, False)
            else:
                _override(module, "activation_relu_or_gelu", adapted, 0)


def _override(module: nn.Module, name: str, active: bool, value: object) -> None:
    """Set a plain attribute, or put back the value that it had."""
    kept = module.__dict__.setdefault("adalora_overridden", {})
    if active and name not in kept:
        kept[name] = getattr(module, name, None)
        setattr(module, name, value)
    elif not active and name in kept:
        setattr(module, name, kept.pop(name))
