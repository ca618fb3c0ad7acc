"""Which modules of a model a configuration names."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import nn

from .config import AdapterConfig
from .errors import ConfigError, TargetError
from .layers import KINDS, AdaptedLayer, LayerKind, kind_of
from .walk import unwrap, walk

ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class Target:
    """A module to adapt.

    Attributes:
        module: the plain layer, or an `AdaptedLayer` that gets one more update.
        kind: its row in the table of layer kinds.
        names: every dotted name under which it hangs in the model; the first one is its name.
    """

    module: nn.Module
    kind: LayerKind
    names: list[str] = field(default_factory=list)


def has_suffix(name: str, suffix: str) -> bool:
    """Tell whether a dotted name ends in ``suffix``, whole components only."""
    return name == suffix or name.endswith("." + suffix)


def is_under(name: str, suffixes: Iterable[str]) -> bool:
    """Tell whether a module or one of its ancestors has one of the suffixes."""
    parts = name.split(".")
    ancestors = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
    return any(has_suffix(ancestor, suffix) for suffix in suffixes for ancestor in ancestors)


def find_targets(model: nn.Module, config: AdapterConfig) -> list[Target]:
    """List the modules that ``config`` asks to adapt, in module order.

    Raises:
        ConfigError: ``target_modules`` is no valid regular expression.
        TargetError: a name or the pattern matches nothing (the close names are listed), or it matches only
            modules of types that no layer kind handles, or nothing is left after the exclusions.
    """
    if _kind(unwrap(model)):
        raise TargetError(
            f"model is itself a {type(unwrap(model)).__name__}, which cannot be replaced in place; put it in "
            f"a container, such as nn.Sequential(model)."
        )
    modules = [(name, module) for name, module in walk(model) if name]
    for field_name in ("exclude_modules", "train_modules"):
        for suffix in getattr(config, field_name):
            if not any(has_suffix(name, suffix) for name, _ in modules):
                raise _unknown(field_name, suffix, [name for name, _ in modules])
    _require_matches(modules, config)

    spared = [*config.exclude_modules, *config.train_modules]
    output = _output_embeddings(unwrap(model))
    targets: dict[int, Target] = {}
    for name, module in modules:
        kind = _kind(module)
        if kind is None or is_under(name, spared) or not _asked_for(name, config.target_modules):
            continue
        if config.target_modules == ALL_LINEAR and module is output:
            continue
        targets.setdefault(id(module), Target(module, kind)).names.append(name)
    if not targets:
        raise TargetError(
            f"target_modules {config.target_modules!r} leaves no module to adapt after exclude_modules "
            f"{config.exclude_modules} and train_modules {config.train_modules}; name other modules."
        )
    return list(targets.values())


def adaptable_shapes(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Return (d₁, d₂) of every module that is adapted or could be, by module name."""
    shapes = {}
    for name, module in walk(model):
        kind = _kind(module)
        if kind is not None:
            shapes[name] = kind.shape(base_of(module))
    return shapes


def base_of(module: nn.Module) -> nn.Module:
    """Return the plain layer, whether or not it is adapted."""
    return module.base if isinstance(module, AdaptedLayer) else module


def _kind(module: nn.Module) -> LayerKind | None:
    return module.kind if isinstance(module, AdaptedLayer) else kind_of(module)


def _output_embeddings(model: nn.Module) -> object:
    get = getattr(model, "get_output_embeddings", None)
    return get() if callable(get) else None


def _asked_for(name: str, wanted: Sequence[str] | str) -> bool:
    if wanted == ALL_LINEAR:
        return True
    if isinstance(wanted, str):
        return re.fullmatch(wanted, name) is not None
    return any(has_suffix(name, suffix) for suffix in wanted)


def _require_matches(modules: list[tuple[str, nn.Module]], config: AdapterConfig) -> None:
    """Raise unless each suffix, or the pattern, matches a module that can be adapted."""
    wanted = config.target_modules
    if isinstance(wanted, str):
        try:
            re.compile(wanted)
        except re.error as error:
            raise ConfigError(
                f"target_modules is {wanted!r}, which is no regular expression: {error}."
            ) from error
    for one in [wanted] if isinstance(wanted, str) else wanted:
        matched = [
            (name, module) for name, module in modules if _asked_for(name, one if one is wanted else [one])
        ]
        if not matched:
            raise _unknown("target_modules", one, [name for name, module in modules if _kind(module)])
        if not any(_kind(module) for _, module in matched):
            name, module = matched[0]
            supported = ", ".join(kind.module.__name__ for kind in KINDS)
            raise TargetError(
                f"target_modules {one!r} matches only modules that cannot be adapted, such as {name!r} of "
                f"type {type(module).__name__}; supported types: {supported}."
            )


def _unknown(field_name: str, wanted: str, names: list[str]) -> TargetError:
    suffixes = {".".join(parts[-n:]) for name in names for parts in [name.split(".")] for n in (1, 2)}
    suffixes = {suffix for suffix in suffixes if not suffix.split(".")[-1].isdigit()} - {""}
    close = difflib.get_close_matches(wanted, sorted(suffixes), n=4, cutoff=0.5)
    last = sorted({suffix for suffix in suffixes if "." not in suffix})
    hint = f"close names: {', '.join(close)}" if close else f"names in this model: {', '.join(last)}"
    return TargetError(f"{field_name} {wanted!r} matches no module; {hint}.")
