"""Which modules of a model a configuration names."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from torch import nn

from .config import AdapterConfig
from .errors import ConfigError, TargetError
from .layers import AdaptedLayer, LayerKind, Split, is_split, kind_of, split_of, supported
from .presets import WORDS, preset
from .walk import unwrap, walk

ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class Owner:
    """A module whose matrices become modules of their own when one of them is adapted.

    Attributes:
        module: the module.
        split: how it is taken apart.
        parts: its matrices as plain layers, by name.
        names: every dotted name under which it hangs in the model.
    """

    module: nn.Module
    split: Split
    parts: dict[str, nn.Module]
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """A module to adapt.

    Attributes:
        module: the plain layer, or an `AdaptedLayer` that gets one more update.
        kind: how updates act on it.
        owner: the module that is taken apart to get at this one; None where it is a module already.
        names: every dotted name under which it hangs, or will hang, in the model; the first one is its name.
    """

    module: nn.Module
    kind: LayerKind
    owner: Owner | None = None
    names: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        """(d₁, d₂), behind the size of a stack."""
        return self.kind.shape(base_of(self.module))

    def holds(self, rank: int) -> bool:
        """Tell whether an update of that rank fits: rank ≤ min(d₁, d₂)."""
        return rank <= min(self.shape[-2:])


@dataclass(frozen=True)
class _Candidate:
    """A name in the model, and the module that hangs there, or will.

    Attributes:
        name: dotted name.
        module: the module.
        owner: see `Target`.
        part: whether it is a matrix of a larger module, taken apart or not, whose name means it too.
    """

    name: str
    module: nn.Module
    owner: Owner | None = None
    part: bool = False

    @property
    def kind(self) -> LayerKind | None:
        return self.module.kind if isinstance(self.module, AdaptedLayer) else kind_of(self.module)

    @property
    def unknown_layer(self) -> bool:
        """Whether it has weights of its own that nothing here can adapt."""
        weights = any(parameter is not None for parameter in self.module._parameters.values())
        return weights and self.kind is None and split_of(self.module) is None

    def asked_for(self, wanted: Sequence[str] | str) -> bool:
        """Tell whether a pattern or one of several suffixes names it, or the module that it is a part of."""
        own = [self.name, self.name.rpartition(".")[0]] if self.part else [self.name]
        if isinstance(wanted, str):
            return any(re.fullmatch(wanted, name) is not None for name in own)
        return any(has_suffix(name, suffix) for name in own for suffix in wanted)


def has_suffix(name: str, suffix: str) -> bool:
    """Tell whether a dotted name ends in ``suffix``, whole components only."""
    return name == suffix or name.endswith("." + suffix)


def is_under(name: str, suffixes: Iterable[str]) -> bool:
    """Tell whether a module or one of its ancestors has one of the suffixes."""
    parts = name.split(".")
    ancestors = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
    return any(has_suffix(ancestor, suffix) for suffix in suffixes for ancestor in ancestors)


def find_targets(model: nn.Module, config: AdapterConfig) -> list[Target]:
    """List the modules that ``config`` asks to adapt, in module order; the model does not change.

    Raises:
        ConfigError: ``target_modules`` is no valid regular expression.
        TargetError: a name or the pattern matches nothing (the close names are listed), or it matches only
            modules of types that no layer kind handles, or nothing is left after the exclusions; or a named
            layer has a setting that stands in the way.
    """
    found = find_layers(model, config.target_modules, config.exclude_modules, config.train_modules)
    if config.target_modules == ALL_LINEAR:
        # Who asks for all of them has not looked at each: `too_small` lists the others. If all are too small,
        # it is the rank that is wrong.
        found = [target for target in found if target.holds(config.rank)] or found
    for target in found:
        obstacle = target.kind.obstacle(base_of(target.module))
        if obstacle:
            raise TargetError(f"{target.names[0]!r} cannot be adapted: {obstacle}.")
    return found


def too_small(model: nn.Module, config: AdapterConfig) -> list[Target]:
    """List the linear layers that ``"all-linear"`` leaves out, because the rank is above min(d₁, d₂)."""
    if config.target_modules != ALL_LINEAR:
        return []
    found = find_layers(model, ALL_LINEAR, config.exclude_modules, config.train_modules)
    return [target for target in found if not target.holds(config.rank)]


def find_layers(
    model: nn.Module, wanted: Sequence[str] | str, exclude: list[str], train: list[str]
) -> list[Target]:
    """List the modules that ``wanted`` names, less ``exclude`` and ``train``; see `find_targets`."""
    top = unwrap(model)
    if _Candidate("", top).kind or split_of(top):
        raise TargetError(
            f"model is itself a {type(top).__name__}, which cannot be replaced in place; put it in "
            f"a container, such as nn.Sequential(model)."
        )
    every = list(_candidates(model))
    for field_name, suffixes in (("exclude_modules", exclude), ("train_modules", train)):
        for suffix in suffixes:
            if not any(has_suffix(candidate.name, suffix) for candidate in every):
                raise _unknown(field_name, suffix, [candidate.name for candidate in every])
    if wanted in WORDS:
        wanted = preset(getattr(getattr(top, "config", None), "model_type", ""), str(wanted))
    if wanted != ALL_LINEAR:
        _require_matches(every, wanted)

    chosen = _choose(every, wanted, [*exclude, *train], _output_embeddings(top))
    if not chosen:
        raise TargetError(
            f"target_modules {wanted!r} leaves no module to adapt after exclude_modules {exclude} and "
            f"train_modules {train}; name other modules."
        )
    return chosen


def _choose(
    every: list[_Candidate], wanted: Sequence[str] | str, spared: list[str], output: object
) -> list[Target]:
    """Return what is asked for and not spared, the output embedding apart where all linear layers are meant.

    A module that hangs under two names is one module: it is adapted in both places, or in none.
    """
    targets: dict[int, Target] = {}
    asked, left_out = set(), set()
    for one in every:
        if one.kind is None:
            continue
        key = id(one.module)
        targets.setdefault(key, Target(one.module, one.kind, one.owner)).names.append(one.name)
        if wanted == ALL_LINEAR:
            meant = one.kind.linear and one.module is not output
        else:
            meant = one.asked_for(wanted)
        if meant:
            asked.add(key)
        if is_under(one.name, spared):
            left_out.add(key)
    return [target for key, target in targets.items() if key in asked - left_out]


def adaptable_shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return (d₁, d₂) of every module that is adapted or could be, by name; stacks have a size more."""
    found = {}
    for one in _candidates(model):
        if one.kind is not None:
            found[one.name] = one.kind.shape(base_of(one.module))
    return found


def base_of(module: nn.Module) -> nn.Module:
    """Return the plain layer, whether or not it is adapted."""
    return module.base if isinstance(module, AdaptedLayer) else module


def _candidates(model: nn.Module) -> Iterator[_Candidate]:
    """Yield every module by name, and behind a module of several matrices the layers it can be split into."""
    owners: dict[int, Owner] = {}
    apart: set[str] = set()
    for name, module in walk(model):
        if name:
            yield _Candidate(name, module, part=name.rpartition(".")[0] in apart)
        if is_split(module):
            apart.add(name)
        split = split_of(module)
        if split is not None:
            owner = owners.setdefault(id(module), Owner(module, split, split.parts(module)))
            owner.names.append(name)
            for part, layer in owner.parts.items():
                yield _Candidate(f"{name}.{part}", layer, owner, part=True)


def _output_embeddings(model: nn.Module) -> object:
    get = getattr(model, "get_output_embeddings", None)
    return get() if callable(get) else None


def _require_matches(every: list[_Candidate], wanted: Sequence[str] | str) -> None:
    """Raise unless each suffix, or the pattern, matches a module that can be adapted.

    A suffix is meant for layers: one that also matches a layer of an unknown type is an error. A pattern may
    match norms and the like on its way.
    """
    if isinstance(wanted, str):
        try:
            re.compile(wanted)
        except re.error as error:
            raise ConfigError(
                f"target_modules is {wanted!r}, which is no regular expression: {error}."
            ) from error
    adaptable = {one.name for one in every if one.kind}
    for one in [wanted] if isinstance(wanted, str) else wanted:
        matched = [candidate for candidate in every if candidate.asked_for(one if one is wanted else [one])]
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
    last = sorted({suffix for suffix in suffixes if "." not in suffix})
    hint = f"close names: {', '.join(close)}" if close else f"names in this model: {', '.join(last)}"
    return TargetError(f"{field_name} {wanted!r} matches no module; {hint}.")
