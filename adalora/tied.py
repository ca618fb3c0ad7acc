"""Weights that two modules share, such as those of an input and an output embedding."""

from typing import cast

from torch import Tensor, nn

from .candidates import base_of
from .errors import TargetError
from .layers import AdaptedLayer
from .reads import reads_setting
from .targets import Target
from .walk import unwrap, walk

_Holders = dict[int, list[tuple[str, nn.Module]]]


def require_untied(model: nn.Module, targets: list[Target]) -> dict[str, str]:
    """Check the targets whose weight another module shares; the update is for the target alone.

    Returns:
        Name of the other module, by name of the target.

    Raises:
        TargetError: two targets share their weight, or a target shares it with a layer that is adapted: two
            updates of one weight could not be merged into it. Or the model's forward asks whether they are
            tied.
    """
    holders = _holders(model)
    wanted = {id(_holder(target)) for target in targets}
    tied: dict[str, str] = {}
    for target in targets:
        name = target.names[0]
        for other_name, other in _others(_holder(target), holders):
            if id(other) in wanted or isinstance(other, AdaptedLayer):
                raise TargetError(
                    f"{name!r} and {other_name!r} share one weight, and both would be adapted; allowed: one "
                    f"of them. Put the other in exclude_modules."
                )
            tied.setdefault(name, other_name)
    reader = reads_setting(model, "tie_word_embeddings") if tied else None
    if reader is not None:
        name, other_name = next(iter(tied.items()))
        raise TargetError(
            f"{name!r} shares its weight with {other_name!r}, and {reader} computes something else where "
            f"they are not tied, as they would be no longer after a merge; put {name!r} in exclude_modules."
        )
    return tied


def shares(model: nn.Module) -> list[str]:
    """Name the adapted layers whose frozen weight another module holds too."""
    holders = _holders(model)
    return [
        name for name, module in walk(model) if isinstance(module, AdaptedLayer) and _others(module, holders)
    ]


def partners(model: nn.Module) -> dict[int, str]:
    """Name another holder of the weight for each module that shares its own, by the module's identity."""
    holders = _holders(model)
    found = {id(module): _others(module, holders) for _, module in walk(model)}
    return {key: others[0][0] for key, others in found.items() if others}


def untie(model: nn.Module) -> None:
    """Tell a `transformers` model that its embeddings are no longer tied, so that all are saved.

    Where more than two were tied, those that still are get a copy each: a loaded model would not tie them.
    """
    top = unwrap(model)
    config = getattr(top, "config", None)
    if config is None or not hasattr(config, "tie_word_embeddings"):
        return
    config.tie_word_embeddings = False
    top.__dict__["all_tied_weights_keys"] = {}
    for holders in _holders(model).values():
        for _, module in holders[1:]:
            base = base_of(module)
            if "weight" in base._parameters:
                base.weight = nn.Parameter(cast(Tensor, base.weight).detach().clone(), requires_grad=False)


def _others(module: nn.Module, holders: _Holders) -> list[tuple[str, nn.Module]]:
    """Return the other modules that hold a weight of ``module``, by name."""
    own = [holders.get(id(weight), []) for weight in _weights(module)]
    return [(name, other) for found in own for name, other in found if other is not module]


def _holder(target: Target) -> nn.Module:
    return target.module if target.owner is None else target.owner.module


def _holders(model: nn.Module) -> _Holders:
    """Return which modules hold a weight, by the identity of the parameter; a module counts once."""
    found: _Holders = {}
    for name, module in walk(model):
        for weight in _weights(module):
            holders = found.setdefault(id(weight), [])
            if all(other is not module for _, other in holders):
                holders.append((name, module))
    return found


def _weights(module: nn.Module) -> list[Tensor]:
    """Return the matrices and larger tensors that a module holds itself; biases may well be shared."""
    if isinstance(module, AdaptedLayer):
        return [module.frozen_weight]
    return [p for p in module._parameters.values() if p is not None and p.dim() > 1]
