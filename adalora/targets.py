"""Which modules of a model a configuration names."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import nn

from .candidates import Candidate, Owner, base_of, candidates, has_suffix, is_under
from .config import AdapterConfig
from .errors import ConfigError, TargetError
from .layers import LayerKind, largest_rank, split_of, supported
from .presets import WORDS, preset
from .walk import unwrap

ALL_LINEAR = "all-linear"

Wanted = Sequence[str] | str | frozenset[str]
"""Suffixes, or a pattern, or whole names."""


@dataclass(frozen=True)
class Target:
    """A module to adapt.

    Attributes:
        module: the plain layer, or an `AdaptedLayer` that gets one more update.
        kind: how updates act on it.
        owner: the module that is taken apart to get at this one; None where it is a module already.
        part: whether it is a matrix of a larger module, taken apart or not.
        names: every dotted name under which it hangs, or will hang, in the model; the first one is its name.
    """

    module: nn.Module
    kind: LayerKind
    owner: Owner | None = None
    part: bool = False
    names: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        """(d₁, d₂), behind the size of a stack."""
        return self.kind.shape(base_of(self.module))

    @property
    def largest_rank(self) -> int:
        """The smaller of d₁ and the columns of ΔW that may change."""
        return largest_rank(self.kind, base_of(self.module))


@dataclass(frozen=True)
class Survey:
    """What a configuration means in a model.

    Attributes:
        targets: what it asks to adapt.
        small: what ``"all-linear"`` leaves out, because the rank is too large for it.
        strange: layers that ``"all-linear"`` would mean if their type were known.
    """

    targets: list[Target]
    small: list[Target] = field(default_factory=list)
    strange: list[Candidate] = field(default_factory=list)


def survey(model: nn.Module, config: AdapterConfig, only: Iterable[str] | None = None) -> Survey:
    """Look for what ``config`` asks to adapt; the model does not change.

    Args:
        model: the model.
        config: what to adapt.
        only: names of modules, which stand in for ``config.target_modules``: those are not looked at, since a
            pattern that somebody else has written may take for ever.

    Raises:
        ConfigError: ``target_modules`` is no valid regular expression.
        TargetError: a name or the pattern matches nothing (the close names are listed), or it matches a layer
            of a type that no layer kind handles, or nothing is left after the exclusions; or a layer has
            something that stands in the way.
    """
    spared = [*config.exclude_modules, *config.train_modules]
    wanted: Wanted = config.target_modules if only is None else frozenset(only)
    found = find_layers(model, wanted, config.exclude_modules, config.train_modules)
    for target in found:
        obstacle = _obstacle(target)
        if obstacle:
            raise TargetError(f"{target.names[0]!r} cannot be adapted: {obstacle}.")
    _require_whole(model, found, config.train_modules)
    fits = [target for target in found if config.rank <= target.largest_rank]
    if wanted != ALL_LINEAR or not fits:  # where none is large enough, it is the rank that is wrong
        return Survey(found)
    every = list(candidates(model))
    known = {one.name for one in every if one.kind}
    strange = [one for one in every if one.unknown_layer and one.name not in known and _seems_linear(one)]
    return Survey(
        fits,
        small=[target for target in found if config.rank > target.largest_rank],
        strange=[one for one in strange if not is_under(one.name, spared)],
    )


def find_targets(model: nn.Module, config: AdapterConfig) -> list[Target]:
    """List the modules that ``config`` asks to adapt, in module order; see `survey`."""
    return survey(model, config).targets


def find_layers(model: nn.Module, wanted: Wanted, exclude: list[str], train: list[str]) -> list[Target]:
    """List the modules that ``wanted`` names, less ``exclude`` and ``train``; see `survey`."""
    top = unwrap(model)
    if Candidate("", top).kind or split_of(top):
        raise TargetError(
            f"model is itself a {type(top).__name__}, which cannot be replaced in place; put it in "
            f"a container, such as nn.Sequential(model)."
        )
    every = list(candidates(model))
    for field_name, suffixes in (("exclude_modules", exclude), ("train_modules", train)):
        for suffix in suffixes:
            if not any(has_suffix(candidate.name, suffix) for candidate in every):
                raise _unknown(field_name, suffix, [candidate.name for candidate in every])
    if isinstance(wanted, str) and wanted in WORDS:
        wanted = preset(getattr(getattr(top, "config", None), "model_type", ""), wanted)
    if wanted != ALL_LINEAR and not isinstance(wanted, frozenset):
        _require_matches(every, wanted)

    chosen = _choose(every, wanted, [*exclude, *train], _output_embeddings(top))
    if not chosen:
        raise TargetError(
            f"target_modules {wanted!r} leaves no module to adapt after exclude_modules {exclude} and "
            f"train_modules {train}; name other modules."
        )
    return chosen


def adaptable_shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return (d₁, d₂) of every module that is adapted or could be, by name; stacks have a size more."""
    found = {}
    for one in candidates(model):
        if one.kind is not None:
            found[one.name] = one.kind.shape(base_of(one.module))
    return found


def _choose(every: list[Candidate], wanted: Wanted, spared: list[str], output: object) -> list[Target]:
    """Return what is asked for and not spared, the output embedding apart where all linear layers are meant.

    A module that hangs under two names is one module: it is adapted in both places, or in none.
    """
    targets: dict[int, Target] = {}
    asked, left_out = set(), set()
    for one in every:
        if one.kind is None:
            continue
        key = id(one.module)
        targets.setdefault(key, Target(one.module, one.kind, one.owner, one.part)).names.append(one.name)
        if wanted == ALL_LINEAR:
            meant = one.kind.linear and one.module is not output
        else:
            meant = _asked_for(one, wanted)
        if meant:
            asked.add(key)
        if is_under(one.name, spared):
            left_out.add(key)
    return [target for key, target in targets.items() if key in asked - left_out]


def _asked_for(one: Candidate, wanted: Wanted) -> bool:
    """Tell whether a pattern or one of several suffixes names it, or the module that it is a part of."""
    if isinstance(wanted, frozenset):
        return one.name in wanted
    if isinstance(wanted, str):
        return any(re.fullmatch(wanted, name) is not None for name in one.names)
    return any(has_suffix(name, suffix) for name in one.names for suffix in wanted)


def _obstacle(target: Target) -> str | None:
    """Say why this very layer cannot be adapted, or return None."""
    if target.owner is not None:
        obstacle = target.owner.split.obstacle(target.owner.module)
        if obstacle:
            return obstacle
    base = base_of(target.module)
    if base._parameters.get("weight") is None:
        return "its weight is made from other parameters, as by weight_norm; remove that first"
    return target.kind.obstacle(base)


def _seems_linear(one: Candidate) -> bool:
    """Tell whether it is a linear layer or a stack of experts of an unknown type."""
    stacks = [
        p for p in one.module._parameters.values() if p is not None and p.dim() == 3 and min(p.shape) > 1
    ]
    return isinstance(one.module, nn.Linear) or bool(stacks)


def _require_whole(model: nn.Module, targets: list[Target], train: list[str]) -> None:
    """Raise where ``train`` names a matrix of a module that has to stay whole to be trained."""
    every = list(candidates(model))
    modules = {one.name for one in every if one.owner is None}
    apart = {id(target.owner.module) for target in targets if target.owner is not None}
    for one in every:
        if one.owner is None or not any(has_suffix(one.name, suffix) for suffix in train):
            continue
        if one.name not in modules or id(one.owner.module) in apart:
            whole = one.names[1]
            raise TargetError(
                f"train_modules {train} names {one.name!r}, a part of {whole!r} of type "
                f"{type(one.owner.module).__name__}, which cannot be trained in full alone; name {whole!r}, "
                f"or put an adapter on the part."
            )


def _output_embeddings(model: nn.Module) -> object:
    get = getattr(model, "get_output_embeddings", None)
    return get() if callable(get) else None


def _require_matches(every: list[Candidate], wanted: Sequence[str] | str) -> None:
    """Raise unless each suffix, or the pattern, matches a module that can be adapted.

    A suffix is meant for layers: one that also matches a layer of an unknown type is an error. A pattern may
    match norms and the like on its way.
    """
    if isinstance(wanted, str):
        try:
            re.compile(wanted)
        except (re.error, OverflowError, RecursionError) as error:
            raise ConfigError(
                f"target_modules is {wanted!r}, which is no regular expression: {error}."
            ) from error
    adaptable = {one.name for one in every if one.kind}
    for one in [wanted] if isinstance(wanted, str) else wanted:
        matched = [candidate for candidate in every if _asked_for(candidate, one if one is wanted else [one])]
        if not matched:
            raise _unknown("target_modules", one, sorted(adaptable))
        strange = [] if one is wanted else [candidate for candidate in matched if candidate.unknown_layer]
        strange = [candidate for candidate in strange if candidate.name not in adaptable]
        if not strange and not any(candidate.kind for candidate in matched):
            strange = matched
        if strange:
            raise TargetError(
                f"target_modules {one!r} matches {strange[0].name!r} of type "
                f"{type(strange[0].module).__name__}, which cannot be adapted; supported types: "
                f"{supported()}."
            )


def _unknown(field_name: str, wanted: str, names: list[str]) -> TargetError:
    suffixes = {".".join(parts[-n:]) for name in names for parts in [name.split(".")] for n in (1, 2)}
    suffixes = {suffix for suffix in suffixes if not suffix.split(".")[-1].isdigit()} - {""}
    close = difflib.get_close_matches(wanted, sorted(suffixes), n=4, cutoff=0.5)
    last = sorted({suffix for suffix in suffixes if "." not in suffix}) or sorted(names)[:10]
    hint = f"close names: {', '.join(close)}" if close else f"names in this model: {', '.join(last)}"
    return TargetError(f"{field_name} {wanted!r} matches no module; {hint}.")
