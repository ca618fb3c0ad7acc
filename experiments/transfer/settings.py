"""Settings of ``adalora export``, ``merge`` and ``import``, as frozen and validated data."""

import math
from dataclasses import dataclass
from typing import cast, get_args

from adalora.checks import integer, number, one_of
from adalora.errors import ConfigError
from adalora.interchange.export import Fold

from ..checks import require


@dataclass(frozen=True)
class MergeSettings:
    """What is merged, and to where.

    Args:
        source: folder of a run, or one that `adalora.save` or the `peft` library has written.
        output: folder that is written.
        base: folder, name or alias of the base model; None for the one that the source says.
        dequantize: write floating-point weights where the base has quantised ones.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    source: str
    output: str
    base: str | None = None
    dequantize: bool = False

    def __post_init__(self) -> None:
        """Check every field."""
        _require_paths((self.source,), self.output, self.base)


@dataclass(frozen=True)
class ImportSettings:
    """What is imported, and to where.

    Args:
        source: folder that the `peft` library has written.
        output: folder that is written.
        base: folder, name or alias of the base model; None for the one that the source says.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    source: str
    output: str
    base: str | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        _require_paths((self.source,), self.output, self.base)


@dataclass(frozen=True)
class ExportSettings:
    """What is exported, and to where.

    Args:
        sources: folders of runs, or such that `adalora.save` or the `peft` library has written.
        output: folder that is written.
        base: folder, name or alias of the base model; None for the one that the sources say.
        fold: where λ goes: ``"left"``, into B; ``"even"``, its root to either side.
        pad: give every module the highest rank.
        weights: of the sources in their sum; empty for a single one, which counts whole.
        rank: of every matrix, at most; None for the exact sum.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    sources: tuple[str, ...]
    output: str
    base: str | None = None
    fold: Fold = "left"
    pad: bool = False
    weights: tuple[float, ...] = ()
    rank: int | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        _require_paths(self.sources, self.output, self.base)
        one_of("fold", self.fold, get_args(Fold))
        self._check_weights()
        if self.rank is not None:
            integer("rank", self.rank, 1)

    def _check_weights(self) -> None:
        count = len(self.sources)
        example = " ".join([f"{1 / count:.2g}"] * count)
        allowed = f"a finite number for each source, such as --weights {example}"
        if count > 1 and not self.weights:
            raise ConfigError(f"weights is missing, with {count} sources to combine; allowed: {allowed}.")
        if self.weights:
            what = f"{allowed}; there {'is' if count == 1 else 'are'} {count}"
            require(len(self.weights) == count, "weights", list(self.weights), what)
        for weight in self.weights:
            require(math.isfinite(weight), "weights", weight, allowed)


def weights_of(words: list[str]) -> tuple[float, ...]:
    """Return weights as numbers.

    Raises:
        ConfigError: one is none.
    """
    allowed = "finite numbers, one for each source; the sources stand before --weights"
    return tuple(number("weights", _read(float, word), allowed) for word in words)


def rank_of(word: str) -> int:
    """Return a rank as a number.

    Raises:
        ConfigError: it is no whole number of at least 1.
    """
    return integer("rank", cast(int, _read(int, word)), 1)


def _read(kind: type[float] | type[int], word: str) -> object:
    try:
        return kind(word)
    except ValueError:
        return word


def _require_paths(sources: tuple[str, ...], output: str, base: str | None) -> None:
    for source in sources:
        require(bool(source.strip()), "SOURCE", source, "the path of a folder")
    require(bool(output.strip()), "output", output, "the path of a folder")
    known = "'minilm', 'smollm2', a local folder, or a name on the hub"
    require(base is None or bool(base.strip()), "base", base, known)
