"""The modules that an adapter trains in full: which they are, and a copy for each adapter but the first."""

import copy
from collections.abc import Container, Iterator, Mapping

from torch import Tensor, nn

from .bases import storage_of
from .candidates import has_suffix, is_under
from .config import AdapterConfig
from .errors import TargetError
from .injected import active_adapters, found_modules, injected_configs, keep_found
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
    """Return the parameters of these modules.

    Raises:
        TargetError: one of them has no gradient, because it is quantised or whole-numbered.
    """
    found = []
    for name, module in trained_layers(model, config, adapter):
        for key, parameter in module.named_parameters(recurse=False):
            if not parameter.is_floating_point() or storage_of(module).rounds:
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
    """Yield the live tensors of these modules by name, buffers too."""
    for name, module in trained_layers(model, config, adapter):
        for key, tensor in module.state_dict(keep_vars=True).items():
            if "." not in key:
                yield f"{name}.{key}", tensor


def require_apart(model: nn.Module, config: AdapterConfig, targets: list[Target]) -> None:
    """Check that each adapter can have what it trains in full for itself, where a further one comes.

    Raises:
        TargetError: a module is adapted by one and trained in full by another, or lies in or around one that
            another trains, or shares its weight with a module outside.
    """
    others: dict[str, str] = {}
    for name, other in injected_configs(model).items():
        for place in trained_modules(model, other, name):
            others.setdefault(place, name)
    for target in targets:
        within = _within(target.names[0], others)
        if within:
            raise TargetError(
                f"{target.names[0]!r} cannot be adapted: adapter {others[within]!r} trains {within!r} in "
                f"full. Put {within!r} in exclude_modules."
            )
    mine = trained_modules(model, config)
    require_alone(model, config, mine, "the copy that a further adapter trains")
    for name, other in injected_configs(model).items():
        theirs = trained_modules(model, other, name)
        require_alone(model, other, theirs, "the copy that a further adapter needs")
    for name, module in mine.items():
        adapted = [key for key, inner in walk_from(name, module) if isinstance(inner, AdaptedLayer)]
        if adapted:
            raise TargetError(
                f"train_modules {config.train_modules} holds {adapted[0]!r}, which another adapter adapts; "
                f"allowed: modules without one."
            )
        around = [one for one in others if one != name and (_within(name, [one]) or _within(one, [name]))]
        if around:
            raise TargetError(
                f"train_modules {config.train_modules} holds {name!r}, and adapter {others[around[0]]!r} "
                f"trains {around[0]!r}; name {around[0]!r}."
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


def keep_apart(model: nn.Module, config: AdapterConfig) -> None:
    """Keep what the first adapter trains in full as it is now, for the adapters that do not."""
    mine = trained_modules(model, config)
    copies = copy.deepcopy(list(mine.values()))  # all at once: what shares weights among them still does
    keep_found(model, dict(zip(mine, copies, strict=True)))


def copy_apart(model: nn.Module, config: AdapterConfig, name: str) -> None:
    """Give an adapter that is not the first copies of what it trains in full."""
    for first, other in injected_configs(model).items():
        _part(model, other, first)
    mine, several = trained_modules(model, config), variants(model)
    copies = copy.deepcopy(list(mine.values()))
    made: dict[int, Variants] = {}
    for (place, module), own in zip(mine.items(), copies, strict=True):
        holder = several.get(place) or made.setdefault(id(module), Variants(module))
        holder.copies[name] = own
        if place not in several:
            replace(model, place, holder)


def _part(model: nn.Module, config: AdapterConfig, name: str) -> None:
    """Make what an adapter has trained where it was a copy of its own, beside what was found there."""
    several, found = variants(model), found_modules(model)
    made: dict[int, Variants] = {}
    for place, module in trained_modules(model, config, name).items():
        if place in several:
            continue
        if id(module) not in made:
            holder = made[id(module)] = Variants(_like(found.get(place), module))
            holder.copies[name] = module
            holder.chosen = name if name in active_adapters(model) else None
        replace(model, place, made[id(module)])


def _like(kept: nn.Module | None, module: nn.Module) -> nn.Module:
    """Return what was found, where the module is now; a copy of that if somebody has changed its build."""
    now = module.state_dict(keep_vars=True)
    then = {} if kept is None else kept.state_dict(keep_vars=True)
    if kept is None or [(k, t.shape) for k, t in now.items()] != [(k, t.shape) for k, t in then.items()]:
        return copy.deepcopy(module).requires_grad_(False)
    for key, tensor in then.items():
        tensor.data = tensor.data.to(now[key])
    return kept.train(module.training).requires_grad_(False)


def _within(name: str, holders: Container[str]) -> str | None:
    """Return which of several dotted names a module lies under, or is."""
    parts = name.split(".")
    above = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
    return next((one for one in above if one in holders), None)
