"""Weights that two modules share, such as those of an input and an output embedding."""

import warnings
from typing import cast

from torch import Tensor, nn

from .errors import TargetError
from .layers import AdaptedLayer
from .targets import Target, base_of
from .walk import unwrap, walk


def require_untied(model: nn.Module, targets: list[Target]) -> bool:
    """Warn of targets whose weight another module shares; the update is for the target alone.

    Returns:
        Whether there are any.

    Raises:
        TargetError: two targets share their weight, or a target shares it with a layer that is adapted: two
            updates of one weight could not be merged into it.
    """
    holders = _holders(model)
    wanted = {id(target.module) for target in targets}
    tied = False
    for target in targets:
        weight = base_of(target.module)._parameters.get("weight")
        others = [
            (name, module) for name, module in holders.get(id(weight), []) if module is not target.module
        ]
        for name, module in others:
            if id(module) in wanted or isinstance(module, AdaptedLayer):
                raise TargetError(
                    f"{target.names[0]!r} and {name!r} share one weight, and both would be adapted; allowed: "
                    f"one of them. Put the other in exclude_modules."
                )
        if others:
            tied = True
            warnings.warn(
                f"{target.names[0]!r} shares its weight with {others[0][0]!r}. The adapter acts on "
                f"{target.names[0]!r} alone, and a merge unties the two.",
                stacklevel=3,
            )
    return tied


def shares(model: nn.Module) -> list[str]:
    """Name the adapted layers whose base weight another module holds too."""
    holders = _holders(model)
    return [
        name
        for name, module in walk(model)
        if isinstance(module, AdaptedLayer) and len(holders.get(id(module.base_weight), [])) > 1
    ]


def untie(model: nn.Module) -> None:
    """Tell a `transformers` model that its embeddings are no longer tied, so that all are saved and loaded.

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
            base.weight = nn.Parameter(cast(Tensor, base.weight).detach().clone(), requires_grad=False)


def _holders(model: nn.Module) -> dict[int, list[tuple[str, nn.Module]]]:
    """Return which modules hold a weight, by the identity of the parameter; a module counts once."""
    found: dict[int, list[tuple[str, nn.Module]]] = {}
    for name, module in walk(model):
        weight = base_of(module)._parameters.get("weight")
        if weight is not None:
            holders = found.setdefault(id(weight), [])
            if all(other is not module for _, other in holders):
                holders.append((name, module))
    return found
