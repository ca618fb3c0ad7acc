"""The modules that an adapter trains in full: which they are, and a copy for each adapter but the first."""

import copy
from collections.abc import Container, Iterator, Mapping

from torch import Tensor, nn

from .bases import storage_of
from .candidates import base_of, has_suffix, is_under
from .config import AdapterConfig
from .errors import TargetError
from .layers import AdaptedLayer, Variants
from .targets import Target
from .tied import partners
from .walk import CHOSEN, replace, variants, walk, walk_from


def trained_modules(
    model: nn.Module, config: AdapterConfig, adapter: object = CHOSEN
) -> dict[str, nn.Module]:
    """Return the modules that ``config`` trains in full, without those inside them, by name.

    Args:
        model: the model.
        config: settings of the adapter.
        adapter: its name, where the model has it already.
    """
    found: dict[str, nn.Module] = {}
    suffixes = tuple(config.train_modules)
    if suffixes:
        for name, module in walk(model, adapter):
            meant = name.endswith(suffixes) and any(has_suffix(name, suffix) for suffix in suffixes)
            if meant and not _within(name, found):
                found[name] = module
    return found


def trained_layers(
    model: nn.Module, config: AdapterConfig, adapter: object = CHOSEN
) -> Iterator[tuple[str, nn.Module]]:
    """Yield the same modules and all that they hold, by name."""
    for name, module in trained_modules(model, config, adapter).items():
        yield from walk_from(name, module, adapter)


def trained_parameters(
    model: nn.Module, config: AdapterConfig, adapter: object = CHOSEN
) -> list[nn.Parameter]:
    """Return the parameters of these modules, without what another adapter has put on them.

    Raises:
        TargetError: one of them has no gradient, because it is quantised or whole-numbered.
    """
    found = []
    for name, module in trained_layers(model, config, adapter):
        base = base_of(module)
        for key, parameter in base.named_parameters(recurse=isinstance(module, AdaptedLayer)):
            if not parameter.is_floating_point() or storage_of(base).rounds:
                raise TargetError(
                    f"train_modules {config.train_modules} holds {name}.{key} of type {parameter.dtype}, "
                    f"which is quantised or whole-numbered and has no gradient; name modules with "
                    f"floating-point weights."
                )
            found.append(parameter)
    return found


def trained_tensors(
    model: nn.Module, config: AdapterConfig, adapter: object = CHOSEN
) -> Iterator[tuple[str, Tensor]]:
    """Yield the live tensors of these modules by name, buffers too, without what adapters put on them."""
    for name, module in trained_layers(model, config, adapter):
        whole = isinstance(module, AdaptedLayer)  # another adapter sits on it; its base is what trains
        for key, tensor in base_of(module).state_dict(keep_vars=True).items():
            if isinstance(module, AdaptedLayer) and key == "weight":
                yield f"{name}.{key}", module.frozen_weight  # without the updates, merged or not
            elif whole or "." not in key:
                yield f"{name}.{key}", tensor


def require_apart(model: nn.Module, config: AdapterConfig, targets: list[Target]) -> None:
    """Check that an adapter that is not the first can have copies of what it trains in full.

    Raises:
        TargetError: a module is adapted and trained in full, or lies in or around one of which another
            adapter has a copy, or shares its weight with a module outside.
    """
    several = variants(model)
    for target in targets:
        within = _within(target.names[0], several)
        if within:
            raise TargetError(
                f"{target.names[0]!r} cannot be adapted: adapters have copies of {within!r}, trained in full "
                f"({', '.join(several[within].copies)}). Put {within!r} in exclude_modules."
            )
    mine = trained_modules(model, config)
    require_alone(model, config, mine, "the copy that a further adapter trains")
    for name, module in mine.items():
        inside = dict(walk_from(name, module))
        adapted = [key for key, inner in inside.items() if isinstance(inner, AdaptedLayer)]
        if adapted:
            raise TargetError(
                f"train_modules {config.train_modules} holds {adapted[0]!r}, which another adapter adapts; "
                f"allowed: modules without one."
            )
        around = [one for one in several if one != name and (_within(name, [one]) or _within(one, [name]))]
        if around:
            raise TargetError(
                f"train_modules {config.train_modules} holds {name!r}, and other adapters have copies of "
                f"{around[0]!r}; name {around[0]!r}."
            )


def require_alone(model: nn.Module, config: AdapterConfig, mine: Mapping[str, nn.Module], why: str) -> None:
    """Check that modules trained in full share no weight with one that is not.

    Args:
        model: the model.
        config: settings of the adapter.
        mine: the modules, from `trained_modules`.
        why: what would part the two, as the end of a sentence.

    Raises:
        TargetError: one does.
    """
    shared = partners(model)
    for name, module in mine.items():
        for key, inner in walk_from(name, module):
            other = shared.get(id(inner))
            if other is not None and not is_under(other, mine):
                raise TargetError(
                    f"train_modules {config.train_modules} holds {key!r}, which shares its weight with "
                    f"{other!r}; {why} would part the two. Name {other!r} too, or neither."
                )


def copy_apart(model: nn.Module, config: AdapterConfig, name: str) -> None:
    """Give an adapter that is not the first copies of what it trains in full."""
    several, mine = variants(model), trained_modules(model, config)
    # All at once: what shares weights among them still does among the copies.
    copies = copy.deepcopy(list(mine.values()))
    made: dict[int, Variants] = {}
    for (place, module), own in zip(mine.items(), copies, strict=True):
        holder = several.get(place) or made.setdefault(id(module), Variants(module))
        holder.copies[name] = own
        if place not in several:
            replace(model, place, holder)


def _within(name: str, holders: Container[str]) -> str | None:
    """Return which of several dotted names a module lies under, or is."""
    parts = name.split(".")
    above = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
    return next((one for one in above if one in holders), None)
