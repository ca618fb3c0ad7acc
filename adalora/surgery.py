"""Taking modules of several matrices apart and together, and what else a model must know of its adapters."""

from torch import nn

from .errors import StateError
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
            if id(module) not in joined:  # it may hang in two places
                joined[id(module)] = module.join()
            replace(model, name, joined[id(module)])


def tell(model: nn.Module) -> None:
    """Set what other libraries ask a model before they use it, as long as it has adapters.

    In evaluation `nn.TransformerEncoderLayer` hands its weights to one fused function, and never runs the
    layers that hold them: that shortcut is switched off. The Trainer refuses to train a model that was loaded
    quantised and knows no adapters but those of `peft`.
    """
    top = unwrap(model)
    if getattr(top, "is_quantized", False) or "is_quantized" in _overridden(top):
        adapted = bool(adapters(model))
        _override(top, "is_quantized", adapted, False)
        for name in ("half", "float"):  # which that flag would have kept off the packed weights
            _override(top, name, adapted, _refuse_type)
    for _, module in walk(model):
        if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerEncoder):
            adapted = any(isinstance(inner, AdaptedLayer) for inner in module.modules())
            if isinstance(module, nn.TransformerEncoder):
                _override(module, "use_nested_tensor", adapted, False)
            else:
                _override(module, "activation_relu_or_gelu", adapted, 0)


_ABSENT = "absent"


def _overridden(module: nn.Module) -> dict[str, object]:
    """Return the attributes that are set for the time being, with the values that they had before."""
    found: dict[str, object] = module.__dict__.get("adalora_overridden", {})
    return found


def _override(module: nn.Module, name: str, active: bool, value: object) -> None:
    """Set a plain attribute of one module, or put back the value that it had, if it had one of its own."""
    before = _overridden(module)
    if active and name not in before:
        module.__dict__["adalora_overridden"] = {**before, name: module.__dict__.get(name, _ABSENT)}
        module.__dict__[name] = value
    elif not active and name in before:
        old = before.pop(name)
        if old == _ABSENT:
            del module.__dict__[name]
        else:
            module.__dict__[name] = old
        if not before:
            del module.__dict__["adalora_overridden"]


def _refuse_type() -> None:
    raise StateError(
        "the model was loaded quantised, and a change of its type would damage the packed weights; load it "
        "in the type that you want, by the argument dtype."
    )
