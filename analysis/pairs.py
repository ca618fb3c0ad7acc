"""Two runs side by side: what their updates of the same matrix have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from adalora import ConfigError

from .arrays import Array, Matrix
from .chance import Chance, chance
from .product import checked_side
from .records import AdapterRecord
from .similarity import Distance, delta_similarity, distance, subspace_similarity

Of = Literal["factor", "delta"]


@dataclass(frozen=True)
class Shared:
    """The matrices of two runs.

    Attributes:
        pairs: records of one module and one size in both, in the order of the first run.
        only_first: modules of the first run alone.
        only_second: modules of the second run alone.
        other_shape: modules of both runs whose sizes differ.
    """

    pairs: list[tuple[AdapterRecord, AdapterRecord]]
    only_first: list[str]
    only_second: list[str]
    other_shape: list[str]


def shared(first: Sequence[AdapterRecord], second: Sequence[AdapterRecord]) -> Shared:
    """Return what two runs have in common, and what they have not."""
    ours, theirs = ({one.module: one for one in records} for records in (first, second))
    both = [module for module in ours if module in theirs]
    fits = [module for module in both if ours[module].shape == theirs[module].shape]
    return Shared(
        pairs=[(ours[module], theirs[module]) for module in fits],
        only_first=[module for module in ours if module not in theirs],
        only_second=[module for module in theirs if module not in ours],
        other_shape=[module for module in both if module not in fits],
    )


@dataclass(frozen=True)
class PairNumbers:
    """φ of two updates of one matrix.

    Attributes:
        first: the matrix in the first run.
        second: the same in the second.
        side: ``"right"`` (A, Q) or ``"left"`` (B, P).
        of: ``"factor"``, the factor itself, as in the LoRA paper, or ``"delta"``, the singular vectors of ΔW.
        grid: φ(i, j).
        chance: φ of random subspaces; None where one of the two has no directions.
        distance: between the two spans, in as many directions as the smaller one has; None likewise.
    """

    first: AdapterRecord
    second: AdapterRecord
    side: str
    of: str
    grid: Array
    chance: Chance | None
    distance: Distance | None


def compare(
    first: AdapterRecord,
    second: AdapterRecord,
    *,
    most: tuple[int, int] | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Iterator[PairNumbers]:
    """Compare two updates of one matrix: both sides, factors and singular vectors.

    Args:
        first: the matrix in the first run.
        second: the same in the second.
        most: ranks for which chance is taken; None for those of the two. Chance for lower ranks is a
            corner of that for higher ones, so with the same ranks for a whole run it is drawn once a size.
        samples: Monte Carlo samples of chance.
        seed: of them.

    Raises:
        CheckpointError: factors cannot be read, or are not finite.
        ConfigError: the two matrices have different sizes.
    """
    if first.shape != second.shape:
        raise ConfigError(
            f"{first.module} has shape {first.shape} in one run and {second.shape} in the other; allowed: "
            f"the same."
        )
    spans = [(_factors(one), one.svd()) for one in (first, second)]
    for side in ("right", "left"):
        d = first.shape[0 if side == "left" else 1]
        for of in ("factor", "delta"):
            if of == "factor":
                grid = _factor_grid(spans[0][0][side], spans[1][0][side], side)
                between = None
            else:
                grid = delta_similarity(spans[0][1], spans[1][1], side)
                between = _distance(spans[0][1].vectors(side), spans[1][1].vectors(side))
            level = _chance(d, grid, most, samples, seed)
            yield PairNumbers(first, second, side, of, grid, level, between)


def record_similarity(
    first: AdapterRecord, second: AdapterRecord, side: str = "right", of: Of = "delta"
) -> Array:
    """Return φ of two records, see `PairNumbers`.

    Raises:
        ConfigError: the sizes differ, or side or ``of`` is unknown.
    """
    if of not in ("factor", "delta"):
        raise ConfigError(f"of is {of!r}; allowed: 'factor' or 'delta'.")
    checked_side(side)
    if of == "delta":
        return delta_similarity(first.svd(), second.svd(), side)
    return _factor_grid(_factors(first)[side], _factors(second)[side], side)


def _factors(record: AdapterRecord) -> dict[str, Matrix]:
    """Return the factors of the living components by side, in the precision that they came in."""
    found = record.factors()
    # Rounding errors of float32 are no directions; in float64 they would look like some.
    kind = np.float64 if found.eps < np.finfo(np.float32).eps else np.float32
    return {
        "left": found.left[:, found.alive].astype(kind),
        "right": found.right[found.alive].astype(kind),
    }


def _factor_grid(first: Matrix, second: Matrix, side: str) -> Array:
    axis = 0 if side == "right" else 1
    if first.shape[axis] == 0 or second.shape[axis] == 0:
        return np.zeros((first.shape[axis], second.shape[axis]))
    return subspace_similarity(first, second, side)


def _chance(d: int, grid: Array, most: tuple[int, int] | None, samples: int, seed: int) -> Chance | None:
    if 0 in grid.shape:
        return None
    r1, r2 = (min(d, r) for r in (most or grid.shape))
    return chance(d, r1, r2, samples, seed)


def _distance(U1: Array, U2: Array) -> Distance | None:
    return distance(U1, U2) if U1.shape[1] and U2.shape[1] else None
