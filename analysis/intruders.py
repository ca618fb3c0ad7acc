"""Intruder dimensions: leading directions of a tuned weight that the pretrained one does not have."""

from dataclasses import dataclass

import numpy as np

from adalora import ConfigError

from .amplification import Delta, svd_of
from .arrays import Array, Matrix, matrix


@dataclass(frozen=True)
class Intruders:
    """The leading left singular vectors of W₀ + ΔW against all those of W₀.

    Attributes:
        closest: for each leading vector, the largest |cosine| with a singular vector of W₀.
        threshold: a vector below it is an intruder.
    """

    closest: Array
    threshold: float

    @property
    def count(self) -> int:
        """Number of intruders."""
        return int((self.closest < self.threshold).sum())


def intruders(
    W0: Matrix, delta: Delta, top: int = 10, threshold: float = 0.5, *, U: Array | None = None
) -> Intruders:
    """Look for intruder dimensions. Source: Shuttleworth et al. 2024, arXiv 2410.21228, algorithm 1.

    Args:
        W0: the pretrained weight, d₁ × d₂.
        delta: ΔW, see `analysis.amplification`.
        top: leading directions of W₀ + ΔW that are looked at; all of them where there are fewer.
        threshold: ε.
        U: the left singular vectors of W₀ as columns, where somebody has them already.

    Raises:
        ConfigError: the matrices have different sizes, one is not finite, or ``top`` is below 1.
    """
    base, _ = matrix(W0, "W0")
    update = svd_of(delta)
    if (len(update.U), len(update.V)) != base.shape:
        raise ConfigError(
            f"delta is {len(update.U)} × {len(update.V)} and W0 {base.shape[0]} × {base.shape[1]}; allowed: "
            f"the same size."
        )
    if top < 1:
        raise ConfigError(f"top is {top}; allowed: at least 1.")
    tuned = base + (update.U * update.sigma) @ update.V.T
    before = np.linalg.svd(base, full_matrices=False)[0] if U is None else U
    after = np.linalg.svd(tuned, full_matrices=False)[0][:, :top]
    return Intruders(np.abs(before.T @ after).max(0), threshold)
