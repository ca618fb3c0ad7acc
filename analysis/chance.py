"""What φ is between random subspaces, so that a number can be called more than chance."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.linalg import solve_triangular

from adalora import ConfigError

from .arrays import Array

LEVELS = (0.05, 0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Chance:
    """φ between the spans of Gaussian matrices: r₁ and r₂ directions in d dimensions.

    Attributes:
        mean: E φ(i, j) = i·j/d / min(i, j), exact; shape (r₁, r₂), as those below.
        sd: standard deviation, from samples.
        quantiles: from samples, by level.
        samples: how many.
    """

    mean: Array
    sd: Array
    quantiles: dict[float, Array]
    samples: int

    def above(self, grid: Array, level: float = 0.99) -> Array:
        """Return 1 where φ is above a quantile of chance, else 0, NaN where there is no φ.

        Raises:
            ConfigError: the level is not among those that were taken.
        """
        if level not in self.quantiles:
            raise ConfigError(f"level is {level}; allowed: {', '.join(map(str, self.quantiles))}.")
        limit = self.quantiles[level][: grid.shape[0], : grid.shape[1]]
        return np.where(np.isnan(grid), np.nan, (grid > limit).astype(np.float64))


@cache
def chance(d: int, r1: int, r2: int, samples: int = 1000, seed: int = 0) -> Chance:
    """Return the distribution of φ between random subspaces.

    One subspace may be any, so it is that of the first r₁ coordinates, and of the other only r₁ rows are
    needed: X R⁻¹ with X an r₁ × r₂ Gaussian and RᵀR = XᵀX + W, where W is a Wishart matrix with d − r₁
    degrees of freedom. Its Cholesky factor is drawn entry by entry (Bartlett 1933), so a sample costs r³ and
    not d·r².

    Args:
        d: dimensions.
        r1: directions of the one.
        r2: directions of the other.
        samples: Monte Carlo samples.
        seed: of the samples.

    Raises:
        ConfigError: a number of directions is below 1 or above d, or ``samples`` is below 2.
    """
    for name, r in (("r1", r1), ("r2", r2)):
        if not 1 <= r <= d:
            raise ConfigError(f"{name} is {r}; allowed: 1 to the number of dimensions, d = {d}.")
    if samples < 2:
        raise ConfigError(f"samples is {samples}; allowed: at least 2.")
    i, j = np.arange(1, r1 + 1), np.arange(1, r2 + 1)
    smaller = np.minimum.outer(i, j)
    random = np.random.default_rng(seed)
    drawn = np.empty((samples, r1, r2), dtype=np.float32)  # 256 MiB for two ranks of 256
    for sample in drawn:
        sample[:] = _corners(d, r1, r2, random) / smaller
    levels = np.quantile(drawn, LEVELS, axis=0).astype(np.float64)
    return Chance(
        mean=np.multiply.outer(i, j) / d / smaller,
        sd=drawn.std(0, ddof=1, dtype=np.float64),
        quantiles=dict(zip(LEVELS, levels, strict=True)),
        samples=samples,
    )


def _corners(d: int, r1: int, r2: int, random: np.random.Generator) -> Array:
    """Return ‖U₁ⁱᵀU₂ʲ‖² for one random U₂."""
    X = random.standard_normal((r1, r2))
    gram = X.T @ X + _wishart(d - r1, r2, random)
    # U₂'s first j columns span those of the Gaussian's: the triangular factor keeps their order.
    R = np.linalg.cholesky(gram).T
    rows = solve_triangular(R, X.T, trans="T", lower=False).T
    return np.asarray(np.square(rows).cumsum(0).cumsum(1))


def _wishart(degrees: int, size: int, random: np.random.Generator) -> Array:
    if degrees < size:  # Bartlett's factor needs as many degrees of freedom as columns
        G = random.standard_normal((degrees, size))
        return np.asarray(G.T @ G)
    T = np.tril(random.standard_normal((size, size)), -1)
    np.fill_diagonal(T, np.sqrt(random.chisquare(degrees - np.arange(size))))
    return np.asarray(T @ T.T)
