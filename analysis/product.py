"""The singular value decomposition of a matrix that is given as a product of two thin ones."""

from dataclasses import dataclass

import numpy as np

from adalora import ConfigError

from .arrays import Array, Matrix, matrix


@dataclass(frozen=True)
class SVD:
    """U diag(σ) Vᵀ of a matrix, its numerical rank only.

    A singular value counts if it is above max(d₁, d₂) · ε · σ₁, with ε the rounding error of the type of the
    factors: what is below has directions of rounding, not of the matrix.

    Attributes:
        U: left singular vectors as columns, d₁ × k.
        sigma: singular values in falling order, shape (k,).
        V: right singular vectors as columns, d₂ × k.
    """

    U: Array
    sigma: Array
    V: Array

    @property
    def rank(self) -> int:
        """Numerical rank k."""
        return len(self.sigma)

    def vectors(self, side: str) -> Array:
        """Return the vectors of a side, ``"left"`` or ``"right"``, as columns.

        Raises:
            ConfigError: there is no such side.
        """
        return {"left": self.U, "right": self.V}[checked_side(side)]


def svd_of_product(left: Matrix, right: Matrix) -> SVD:
    """Return the SVD of left @ right, which is never formed.

    left = Q₁R₁ and rightᵀ = Q₂R₂, so left @ right = Q₁ (R₁R₂ᵀ) Q₂ᵀ, and R₁R₂ᵀ is r × r.

    Args:
        left: d₁ × r.
        right: r × d₂.

    Raises:
        ConfigError: one of them is no finite matrix, or their inner sizes differ.
    """
    (L, eps_left), (R, eps_right) = matrix(left, "left"), matrix(right, "right")
    if L.shape[1] != R.shape[0]:
        raise ConfigError(
            f"left has shape {L.shape} and right {R.shape}; allowed: as many columns of left as rows of "
            f"right."
        )
    Q1, R1 = np.linalg.qr(L)
    Q2, R2 = np.linalg.qr(R.T)
    U, sigma, Vh = np.linalg.svd(R1 @ R2.T, full_matrices=False)
    keep = numerical_rank(sigma, (len(L), R.shape[1]), max(eps_left, eps_right))
    return SVD(Q1 @ U[:, :keep], sigma[:keep], Q2 @ Vh[:keep].T)


def svd_of_matrix(value: Matrix, name: str = "matrix") -> SVD:
    """Return the SVD of a dense matrix.

    Raises:
        ConfigError: it is no finite matrix.
    """
    dense, eps = matrix(value, name)
    U, sigma, Vh = np.linalg.svd(dense, full_matrices=False)
    keep = numerical_rank(sigma, dense.shape, eps)
    return SVD(U[:, :keep], sigma[:keep], Vh[:keep].T)


def numerical_rank(sigma: Array, shape: tuple[int, ...], eps: float) -> int:
    """Count the singular values, in falling order, that are above the rounding errors of the matrix."""
    limit = max(shape) * eps * (sigma[0] if len(sigma) else 0.0)
    return int((sigma > limit).sum())


def checked_side(side: str) -> str:
    """Return the side.

    Raises:
        ConfigError: it is neither ``"left"`` nor ``"right"``.
    """
    if side not in ("left", "right"):
        raise ConfigError(f"side is {side!r}; allowed: 'left' (B, P) or 'right' (A, Q).")
    return side
