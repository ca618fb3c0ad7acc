"""Everything that is measured of one adapted matrix."""

from dataclasses import dataclass

import numpy as np

from adalora import CheckpointError

from .amplification import Amplification, amplification_by_rank, truncated_amplification
from .arrays import Array
from .intruders import Intruders, intruders
from .product import SVD, svd_of_matrix
from .records import AdapterRecord, Factors, delta_svd
from .similarity import similarity_grid
from .spectra import Spectrum, lambda_gap, orthogonality_residual, spectrum


@dataclass(frozen=True)
class Triplets:
    """How far an update of the form PΛQ is from the SVD that it is meant to be. Living triplets only.

    Attributes:
        residual_left: ‖PᵀP − I‖_F.
        residual_right: ‖QQᵀ − I‖_F.
        gap: see `analysis.lambda_gap`.
    """

    residual_left: float
    residual_right: float
    gap: float


@dataclass(frozen=True)
class AgainstBase:
    """An update against the weight that it updates.

    Attributes:
        amplification: the numbers of Table 7 at the update's own rank.
        by_rank: the same for the update cut to its top i directions, i = 1, 2, ….
        intruders: leading directions of W₀ + ΔW that W₀ does not have.
        similarity: φ(i, j) of the top i right singular vectors of W₀ and the top j of ΔW.
    """

    amplification: Amplification
    by_rank: list[Amplification]
    intruders: Intruders
    similarity: Array


@dataclass(frozen=True)
class MatrixNumbers:
    """What there is to say of one matrix.

    Attributes:
        record: the matrix.
        spectrum: of ΔW.
        triplets: for an update of the form PΛQ with a living triplet; else None.
        against_base: where W₀ can be found and ΔW is not zero; else None.
        missing: why ``against_base`` is None; empty where it is not.
    """

    record: AdapterRecord
    spectrum: Spectrum
    triplets: Triplets | None
    against_base: AgainstBase | None
    missing: str


def measure(record: AdapterRecord, *, seed: int = 0, weights: bool = True) -> MatrixNumbers:
    """Measure one matrix.

    Args:
        record: from `analysis.read`.
        seed: of the random directions in the amplification.
        weights: False leaves out what needs W₀.

    Raises:
        CheckpointError: its factors cannot be read, or are not finite.
    """
    factors = record.factors()
    update = delta_svd(factors, record.scale)
    against, missing = _against_base(record, update, seed) if weights else (None, "it was not asked for")
    return MatrixNumbers(record, spectrum(update), _triplets(record, factors, update), against, missing)


def _triplets(record: AdapterRecord, factors: Factors, update: SVD) -> Triplets | None:
    alive = factors.alive
    if factors.lam is None or not alive.any():
        return None
    # A start from singular vectors is part of ΔW, and of no λ.
    own = update if factors.shift is None else None
    lam = record.scale * factors.lam[alive]
    return Triplets(
        residual_left=orthogonality_residual(factors.left[:, alive]),
        residual_right=orthogonality_residual(factors.right[alive].T),
        gap=lambda_gap(lam, own.sigma) if own else float("nan"),
    )


def _against_base(record: AdapterRecord, update: SVD, seed: int) -> tuple[AgainstBase | None, str]:
    if record.base.read is None:
        return None, record.base.missing
    if update.rank == 0:
        return None, "the update is zero"
    try:
        W0 = record.weight()
    except (CheckpointError, OSError) as error:
        return None, str(error)
    if not np.isfinite(W0).all():
        return None, "it has a NaN or an infinite value"
    base = svd_of_matrix(W0)
    sigma = base.sigma
    found = AgainstBase(
        amplification=amplification_by_rank(W0, update, [update.rank], seed, sigma=sigma)[0],
        by_rank=truncated_amplification(W0, update, seed, sigma=sigma),
        intruders=intruders(W0, update, U=base.U),
        similarity=similarity_grid(base.V, update.V),
    )
    return found, ""
