"""How much an update amplifies directions that the pretrained weight has, but does not stress."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from adalora import ConfigError

from .arrays import Array, Matrix, matrix
from .product import SVD, svd_of_matrix, svd_of_product

Delta = Matrix | tuple[Matrix, Matrix] | SVD


@dataclass(frozen=True)
class Amplification:
    """A column of Table 7 of the LoRA paper (Hu et al. 2021, arXiv 2106.09685).

    Attributes:
        rank: directions r that were asked for.
        by_delta: ‖UᵀW₀V‖_F with U, V the top r singular vectors of ΔW.
        by_base: the same with those of W₀: √(σ₁² + … + σᵣ²).
        by_random: the same with random orthonormal vectors.
        base_norm: ‖W₀‖_F.
        delta_norm: ‖ΔW‖_F.
    """

    rank: int
    by_delta: float
    by_base: float
    by_random: float
    base_norm: float
    delta_norm: float

    @property
    def factor(self) -> float:
        """The amplification factor ‖ΔW‖_F / ‖UᵀW₀V‖_F; NaN where nothing is amplified."""
        return self.delta_norm / self.by_delta if self.by_delta > 0 else float("nan")


def amplification(W0: Matrix, delta: Delta, rank: int, seed: int = 0) -> Amplification:
    """Return the numbers of Table 7 for one matrix.

    Args:
        W0: the pretrained weight, d₁ × d₂.
        delta: ΔW as a dense matrix, as factors (left, right) with ΔW = left @ right, or as its SVD.
        rank: directions r; those that ΔW does not have are left out.
        seed: of the random vectors.

    Raises:
        ConfigError: ``rank`` is not between 1 and the smaller size, the matrices have different sizes, or one
            of them is not finite.
    """
    return amplification_by_rank(W0, delta, [rank], seed)[0]


def amplification_by_rank(
    W0: Matrix, delta: Delta, ranks: Sequence[int], seed: int = 0, *, sigma: Array | None = None
) -> list[Amplification]:
    """Return the numbers for several ranks, at the price of one.

    The norms of ΔW and W₀ are those of the whole matrices whatever the rank, as in the paper.

    Args:
        W0: see `amplification`.
        delta: see `amplification`.
        ranks: directions r.
        seed: of the random vectors.
        sigma: the singular values of W₀, where somebody has them already.

    Raises:
        ConfigError: see `amplification`.
    """
    base, _ = matrix(W0, "W0")
    update = svd_of(delta)
    d1, d2 = base.shape
    if (len(update.U), len(update.V)) != base.shape:
        raise ConfigError(
            f"delta is {len(update.U)} × {len(update.V)} and W0 {d1} × {d2}; allowed: the same size."
        )
    for rank in ranks:
        if not 1 <= rank <= min(d1, d2):
            raise ConfigError(f"rank is {rank}; allowed: 1 to {min(d1, d2)}, the smaller size of W0.")
    random = np.random.default_rng(seed)
    most = max(ranks, default=0)
    sides = [np.linalg.qr(random.standard_normal((d, most)))[0] for d in (d1, d2)]
    by_delta = _corner_norms(update.U[:, :most], base, update.V[:, :most])
    by_random = _corner_norms(sides[0], base, sides[1])
    values = np.asarray(np.linalg.svd(base, compute_uv=False) if sigma is None else sigma)
    by_base = np.sqrt(np.square(values).cumsum())
    norm, delta_norm = float(np.linalg.norm(base)), float(np.linalg.norm(update.sigma))
    return [
        Amplification(
            rank=rank,
            by_delta=float(by_delta[min(rank, update.rank) - 1]) if update.rank else 0.0,
            by_base=float(by_base[min(rank, len(by_base)) - 1]) if len(by_base) else 0.0,
            by_random=float(by_random[rank - 1]),
            base_norm=norm,
            delta_norm=delta_norm,
        )
        for rank in ranks
    ]


def truncated_amplification(
    W0: Matrix, delta: Delta, seed: int = 0, *, sigma: Array | None = None
) -> list[Amplification]:
    """Return the numbers for ΔW cut to its top i directions, for i = 1 up to its rank.

    Here ‖ΔW‖_F is that of the cut update too: what its leading directions alone amplify. The arguments are
    those of `amplification_by_rank`.
    """
    update = svd_of(delta)
    rows = amplification_by_rank(W0, update, range(1, update.rank + 1), seed, sigma=sigma)
    norms = np.sqrt(np.square(update.sigma).cumsum())
    return [replace(row, delta_norm=float(norm)) for row, norm in zip(rows, norms, strict=True)]


def svd_of(delta: Delta) -> SVD:
    """Return the SVD of an update that is given in any of the forms of `amplification`."""
    if isinstance(delta, SVD):
        return delta
    return svd_of_product(*delta) if isinstance(delta, tuple) else svd_of_matrix(delta, "delta")


def _corner_norms(U: Array, W: Array, V: Array) -> Array:
    """Return ‖UᵢᵀWVᵢ‖_F with the first i columns, for every i."""
    corners = np.square(U.T @ W @ V).cumsum(0).cumsum(1)
    return np.asarray(np.sqrt(np.diagonal(corners)))
