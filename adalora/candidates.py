"""What a model could have adapted: its modules by name, and the matrices inside modules of several."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from torch import nn

from .layers import AdaptedLayer, LayerKind, Split, is_split, kind_of, split_of
from .walk import walk


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
class Candidate:
    """A name in the model, and the module that hangs there, or will.

    Attributes:
        name: dotted name.
        module: the module.
        owner: the module that is taken apart to get at this one; None where it is a module already.
        part: whether it is a matrix of a larger module, taken apart or not, whose name means it too.
    """

    name: str
    module: nn.Module
    owner: Owner | None = None
    part: bool = False

    @property
    def kind(self) -> LayerKind | None:
        """How updates act on it; None where nothing can adapt it."""
        return self.module.kind if isinstance(self.module, AdaptedLayer) else kind_of(self.module)

    @property
    def unknown_layer(self) -> bool:
        """Whether it has weights of its own that nothing here can adapt."""
        weights = any(parameter is not None for parameter in self.module._parameters.values())
        return weights and self.kind is None and split_of(self.module) is None

    @property
    def names(self) -> list[str]:
        """The names by which it can be asked for."""
        return [self.name, self.name.rpartition(".")[0]] if self.part else [self.name]


def candidates(model: nn.Module) -> Iterator[Candidate]:
    """Yield every module by name, and behind a module of several matrices the layers it can be split into."""
    owners: dict[int, Owner] = {}
    apart: set[str] = set()
    for name, module in walk(model):
        if name:
            yield Candidate(name, module, part=name.rpartition(".")[0] in apart)
        if is_split(module):
            apart.add(name)
        split = split_of(module)
        if split is not None:
            owner = owners.setdefault(id(module), Owner(module, split, split.parts(module)))
            owner.names.append(name)
            for part, layer in owner.parts.items():
                yield Candidate(f"{name}.{part}", layer, owner, part=True)


def base_of(module: nn.Module) -> nn.Module:
    """Return the plain layer, whether or not it is adapted."""
    return module.base if isinstance(module, AdaptedLayer) else module


def has_suffix(name: str, suffix: str) -> bool:
    """Tell whether a dotted name ends in ``suffix``, whole components only."""
    return name == suffix or name.endswith("." + suffix)


def is_under(name: str, suffixes: Iterable[str]) -> bool:
    """Tell whether a module or one of its ancestors has one of the suffixes."""
    parts = name.split(".")
    ancestors = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
    return any(has_suffix(ancestor, suffix) for suffix in suffixes for ancestor in ancestors)
