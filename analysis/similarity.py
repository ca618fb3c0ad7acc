"""How much the leading directions of two matrices have in common."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import subspace_angles

from adalora import ConfigError

from .arrays import Array, Matrix, matrix
from .product import SVD, checked_side, numerical_rank


def subspace_similarity(A1: Matrix, A2: Matrix, side: str = "right") -> Array:
    """Return φ for the top i directions of one factor and the top j of another, for all i and j.

    φ(i, j) = ‖U₁ⁱᵀU₂ʲ‖²_F / min(i, j), where Uⁱ holds the first i singular vectors: 0 for orthogonal
    subspaces, 1 where the smaller one lies in the larger. Source: Hu et al. 2021, arXiv 2106.09685,
    equation 4.

    Args:
        A1: r₁ × d with ``side="right"`` (A, Q), d × r₁ with ``side="left"`` (B, P).
        A2: the same for r₂.
        side: whose singular vectors are compared.

    Returns:
        Shape (r₁, r₂); the first row is i = 1. NaN where a factor has fewer than i directions: beyond its
        numerical rank there are only those of rounding.

    Raises:
        ConfigError: a factor is no finite matrix, it has more directions than dimensions (r > d), the two
            have different d, or the side is unknown.
    """
    first, second = (_directions(A, name, side) for A, name in ((A1, "A1"), (A2, "A2")))
    if len(first.vectors) != len(second.vectors):
        raise ConfigError(
            f"A1 lies in {len(first.vectors)} dimensions and A2 in {len(second.vectors)}; allowed: factors "
            f"of matrices of one size."
        )
    grid = np.full((first.asked, second.asked), np.nan)
    shared = similarity_grid(first.vectors, second.vectors)
    grid[: shared.shape[0], : shared.shape[1]] = shared
    return grid


def similarity_grid(U1: Array, U2: Array) -> Array:
    """Return φ(i, j) of orthonormal columns, all i and j in one pass.

    Every ‖U₁ⁱᵀU₂ʲ‖² is a sum over the upper left corner of one matrix, |U₁ᵀU₂|².

    Args:
        U1: d × k₁.
        U2: d × k₂.

    Returns:
        Shape (k₁, k₂).
    """
    corners = np.square(U1.T @ U2).cumsum(0).cumsum(1)
    i, j = np.arange(1, U1.shape[1] + 1), np.arange(1, U2.shape[1] + 1)
    # Sums of squares exceed 1 by their rounding.
    return np.asarray(np.minimum(corners / np.minimum.outer(i, j), 1.0))


def delta_similarity(first: SVD, second: SVD, side: str = "right") -> Array:
    """Return φ of the true singular vectors of two updates.

    Raises:
        ConfigError: the updates are of matrices of different sizes, or the side is unknown.
    """
    U1, U2 = first.vectors(side), second.vectors(side)
    if len(U1) != len(U2):
        raise ConfigError(f"the updates have {len(U1)} and {len(U2)} dimensions; allowed: the same number.")
    return similarity_grid(U1, U2)


@dataclass(frozen=True)
class Distance:
    """How far two subspaces are from each other.

    With subspaces of different dimension, only as many angles as the smaller one has.

    Attributes:
        angles: principal angles θ in falling order, radians.
        grassmann: ‖θ‖₂, the length of the shortest way on the Grassmann manifold.
        projection: ‖sin θ‖₂, which is ‖U₁U₁ᵀ − U₂U₂ᵀ‖_F / √2 for subspaces of one dimension.
    """

    angles: Array
    grassmann: float
    projection: float


def distance(U1: Matrix, U2: Matrix) -> Distance:
    """Return principal angles and the distances made of them.

    Args:
        U1: d × k₁, columns that span a subspace.
        U2: d × k₂.

    Raises:
        ConfigError: one of them is no finite matrix, or they have different d.
    """
    (first, _), (second, _) = matrix(U1, "U1"), matrix(U2, "U2")
    if len(first) != len(second):
        raise ConfigError(f"U1 has {len(first)} rows and U2 {len(second)}; allowed: the same number.")
    # SciPy takes small angles from their sines, which an arc cosine would lose.
    angles = np.asarray(subspace_angles(first, second), dtype=np.float64)
    return Distance(angles, float(np.linalg.norm(angles)), float(np.linalg.norm(np.sin(angles))))


@dataclass(frozen=True)
class _Directions:
    """Singular vectors of a factor as columns, and how many it would have at full rank."""

    vectors: Array
    asked: int


def _directions(value: Matrix, name: str, side: str) -> _Directions:
    factor, eps = matrix(value, name)
    wide = factor if checked_side(side) == "right" else factor.T
    r, d = wide.shape
    if r > d:
        raise ConfigError(
            f"{name} has shape {factor.shape}: {r} directions in {d} dimensions; allowed: r × d with "
            f"side='right', d × r with side='left', and r of at most d."
        )
    Q, R = np.linalg.qr(wide.T)
    U, sigma, _ = np.linalg.svd(R)
    return _Directions(Q @ U[:, : numerical_rank(sigma, factor.shape, eps)], r)
