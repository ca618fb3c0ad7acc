"""φ as the LoRA paper draws it (Hu et al. 2021, arXiv 2106.09685, Figures 3, 4, 6, 7 and 8)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from adalora import ConfigError

from ..arrays import Array
from ..chance import chance
from ..matrices import MatrixNumbers
from ..pairs import PairNumbers
from .panels import Panel, panels

_FEW = 6  # layers in a picture, so that it can be read


def similarity_heatmap(pairs: Sequence[PairNumbers], *, labels: tuple[str, str], title: str = "") -> Figure:
    """Draw φ of two runs, a column for each matrix: in full, and its lower-left triangle below (Figure 3).

    Args:
        pairs: what to draw, a few of `analysis.compare`.
        labels: what the two runs are called.
        title: of the picture.

    Raises:
        ConfigError: ``pairs`` is empty, or one of them has no directions.
    """
    _require(pairs)
    i, j = (f"{axis}, {label}" for axis, label in zip("ij", labels, strict=True))
    full = [Panel(name, pair.grid, i, j) for name, pair in zip(_names(pairs), pairs, strict=True)]
    close = [Panel("lower-left triangle", _triangle(pair.grid), i, j) for pair in pairs]
    return panels([full, close], title=title or "How much of one run lies in the other", facts=_facts(pairs))


def seed_similarity(pairs: Sequence[PairNumbers], *, labels: tuple[str, str], title: str = "") -> Figure:
    """Draw φ of two seeds side by side, and beside them what chance gives (Figure 4).

    Args:
        pairs: what to draw, matrices of one size.
        labels: what the two runs are called.
        title: of the picture.

    Raises:
        ConfigError: ``pairs`` is empty, or one of them has no directions.
    """
    _require(pairs)
    i, j = (f"{axis}, {label}" for axis, label in zip("ij", labels, strict=True))
    drawn = [Panel(name, pair.grid, i, j) for name, pair in zip(_names(pairs), pairs, strict=True)]
    shape, d = pairs[-1].grid.shape, _dimensions(pairs[-1])
    drawn.append(Panel("random", _random(d, *shape), i, j))
    return panels([drawn], title=title or "Directions that two seeds share", facts=_facts(pairs))


def similarity_by_layer(pairs: Sequence[PairNumbers], *, labels: tuple[str, str], title: str = "") -> Figure:
    """Draw φ of two runs in a few layers, a row for each matrix type (Figures 6 and 7).

    Args:
        pairs: of one side and kind, over the whole model; layers in equal steps are taken from them.
        labels: what the two runs are called.
        title: of the picture.

    Raises:
        ConfigError: ``pairs`` is empty, or none of them has directions.
    """
    _require([pair for pair in pairs if pair.grid.size][:1])
    i, j = (f"{axis}, {label}" for axis, label in zip("ij", labels, strict=True))
    by_type: dict[str, list[PairNumbers]] = {}
    for pair in pairs:
        if pair.grid.size:
            by_type.setdefault(pair.first.type, []).append(pair)
    rows = [[Panel(_layer(pair), pair.grid, i, j) for pair in _few(found)] for found in by_type.values()]
    facts = _facts(pairs)
    return panels(rows, title=title or "φ by layer", facts=facts, names=list(by_type), size=1.15)


def base_similarity(numbers: Mapping[str, MatrixNumbers], *, title: str = "") -> Figure:
    """Draw φ between W₀ and ΔW for several runs, and beside them what chance gives (Figure 8).

    Args:
        numbers: the same matrix in each run, by what to call it, such as ``"r = 8"``.
        title: of the picture.

    Raises:
        ConfigError: W₀ is missing, or an update is zero.
    """
    drawn = []
    for label, one in numbers.items():
        if one.against_base is None:
            raise ConfigError(f"{label} has no φ with its pretrained weight: {one.missing}.")
        drawn.append(Panel(label, one.against_base.similarity.T, "j, ΔW", "i, W0"))
    first = next(iter(numbers.values())).record
    shape = drawn[-1].grid.shape
    drawn.append(Panel("random", _random(first.shape[1], *shape), "j, ΔW", "i, W0"))
    facts = f"{first.module}; right singular vectors"
    return panels([drawn], title=title or "Where the update lies in its weight", facts=facts)


def _require(pairs: Sequence[PairNumbers]) -> None:
    if not pairs:
        raise ConfigError("pairs is empty; allowed: at least one matrix that both runs have.")
    for pair in pairs:
        if not pair.grid.size:
            raise ConfigError(f"{pair.first.module} has no directions in one run; allowed: a rank above 0.")


def _triangle(grid: Array) -> Array:
    """Return φ(i, j) for j ≤ i alone."""
    size = min(grid.shape)
    corner = grid[:size, :size].copy()
    corner[np.triu_indices(size, 1)] = np.nan
    return corner


def _random(d: int, r1: int, r2: int) -> Array:
    """Return φ of one pair of random subspaces."""
    return chance(d, r1, r2, samples=2).mean


def _dimensions(pair: PairNumbers) -> int:
    return pair.first.shape[1 if pair.side == "right" else 0]


def _few(pairs: Sequence[PairNumbers]) -> list[PairNumbers]:
    """Return at most a few, the first and the last among them."""
    if len(pairs) <= _FEW:
        return list(pairs)
    return [pairs[round(place)] for place in np.linspace(0, len(pairs) - 1, _FEW)]


def _names(pairs: Sequence[PairNumbers]) -> list[str]:
    """Return the last words of each type that tell it from the others, and the layer."""
    types = list(dict.fromkeys(pair.first.type for pair in pairs))
    for words in range(1, 9):
        brief = {kind: ".".join(kind.split(".")[-words:]) for kind in types}
        if len(set(brief.values())) == len(types):
            break
    return [f"{brief[pair.first.type]}, {_layer(pair)}" for pair in pairs]


def _layer(pair: PairNumbers) -> str:
    return "no layer" if pair.first.layer is None else f"layer {pair.first.layer}"


def _facts(pairs: Sequence[PairNumbers]) -> str:
    kinds = {
        "factor": {"right": "A or Q", "left": "B or P"},
        "delta": {"right": "ΔW, right", "left": "ΔW, left"},
    }
    return f"singular vectors of {kinds[pairs[0].of][pairs[0].side]}; 1: the smaller span lies in the larger"
