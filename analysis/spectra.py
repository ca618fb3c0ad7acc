"""What the singular values of an update say."""

from dataclasses import dataclass

import numpy as np

from .arrays import Array, Matrix, matrix
from .product import SVD


@dataclass(frozen=True)
class Spectrum:
    """Singular values of ΔW and what they come to.

    Attributes:
        sigma: the singular values above rounding, in falling order.
        norm: ‖ΔW‖_F.
        stable_rank: ‖ΔW‖²_F / σ₁²; 0 for an update of zero.
        effective_rank: e to the entropy of σ / Σσ (Roy and Vetterli 2007); 0 for an update of zero.
        energy: share of ‖ΔW‖²_F in the first i directions, for every i.
    """

    sigma: Array
    norm: float
    stable_rank: float
    effective_rank: float
    energy: Array


def spectrum(update: SVD) -> Spectrum:
    """Return the spectrum of an update."""
    sigma = update.sigma
    if len(sigma) == 0:
        return Spectrum(sigma, 0.0, 0.0, 0.0, sigma)
    squares = np.square(sigma / sigma[0])  # free of overflow and underflow
    shares = sigma / sigma.sum()
    entropy = -float(np.sum(shares * np.log(shares)))
    return Spectrum(
        sigma=sigma,
        norm=float(sigma[0] * np.sqrt(squares.sum())),
        stable_rank=float(squares.sum()),
        effective_rank=float(np.exp(entropy)),
        energy=squares.cumsum() / squares.sum(),
    )


def orthogonality_residual(factor: Matrix) -> float:
    """Return ‖FᵀF − I‖_F of the columns of a factor; for the rows of Q, give Qᵀ.

    Raises:
        ConfigError: it is no finite matrix.
    """
    F, _ = matrix(factor, "factor")
    return float(np.linalg.norm(F.T @ F - np.eye(F.shape[1])))


def lambda_gap(lam: Matrix, sigma: Array) -> float:
    """Return how far trained λ are from the true singular values, ‖sort|λ| − σ‖₂ / ‖σ‖₂.

    Zero where P and Q are orthonormal; NaN for an update of zero.

    Args:
        lam: s·λ of the living triplets.
        sigma: singular values of ΔW.

    Raises:
        ConfigError: ``lam`` is no finite vector.
    """
    values, _ = matrix(lam, "lam", 1)
    ordered = np.sort(np.abs(values))[::-1]
    true = np.zeros(max(len(ordered), len(sigma)))
    true[: len(sigma)] = sigma
    ordered = np.pad(ordered, (0, len(true) - len(ordered)))
    norm = np.linalg.norm(true)
    return float(np.linalg.norm(ordered - true) / norm) if norm > 0 else float("nan")
