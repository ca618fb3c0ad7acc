"""φ against its definition, and what must hold for it whatever the factors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora import ConfigError
from analysis import delta_similarity, distance, subspace_similarity, svd_of_matrix
from tests.analysis.naive import similarity

SIDES = ("right", "left")


@st.composite
def factors(draw):
    """Two random factors of one d, with their side."""
    d, side = draw(st.integers(1, 24)), draw(st.sampled_from(SIDES))
    r1, r2 = draw(st.integers(1, d)), draw(st.integers(1, d))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pair = [random.standard_normal((r, d)) for r in (r1, r2)]
    return [A if side == "right" else A.T for A in pair], side


def orthogonal(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


@given(factors())
def test_every_cell_is_the_definition(case):
    (A1, A2), side = case
    np.testing.assert_allclose(subspace_similarity(A1, A2, side), similarity(A1, A2, side), rtol=0, atol=1e-9)


@given(factors())
def test_arguments_are_symmetric(case):
    (A1, A2), side = case
    np.testing.assert_allclose(
        subspace_similarity(A1, A2, side), subspace_similarity(A2, A1, side).T, rtol=0, atol=1e-12
    )


@given(factors())
def test_it_lies_between_0_and_1(case):
    (A1, A2), side = case
    grid = subspace_similarity(A1, A2, side)
    assert grid.min() >= 0
    assert grid.max() <= 1


@given(factors())
def test_a_subspace_lies_in_itself(case):
    (A, _), side = case
    np.testing.assert_allclose(np.diagonal(subspace_similarity(A, A, side)), 1, atol=1e-9)


@given(factors(), st.integers(0, 1000))
def test_the_basis_of_the_whole_span_does_not_matter(case, seed):
    """A rotation changes the singular vectors' order of importance, but not the span of all of them."""
    (A1, A2), side = case
    r = A1.shape[0] if side == "right" else A1.shape[1]
    R = orthogonal(r, seed)
    turned = R @ A1 if side == "right" else A1 @ R
    before, after = (subspace_similarity(A, A2, side) for A in (A1, turned))
    np.testing.assert_allclose(before, after, rtol=0, atol=1e-8)  # a rotation keeps every singular vector


def test_equal_top_spans_in_another_basis():
    """The first two directions are mixed with each other, and so are the last two."""
    Q = orthogonal(12)[:4]
    mix = np.zeros((4, 4))
    mix[:2, :2], mix[2:, 2:] = orthogonal(2, 1), orthogonal(2, 2)
    scales = np.array([4.0, 3.9, 2.0, 1.9])[:, None]
    grid = subspace_similarity(scales * Q, scales * (mix @ Q))
    assert grid[1, 1] == pytest.approx(1, abs=1e-12)
    assert grid[3, 3] == pytest.approx(1, abs=1e-12)
    assert grid[0, 0] < 1


def test_orthogonal_subspaces_share_nothing():
    Q = orthogonal(10)
    np.testing.assert_allclose(subspace_similarity(Q[:3], Q[3:8]), 0, atol=1e-12)


def test_an_axis_in_a_plane():
    grid = subspace_similarity(np.array([[1.0, 0, 0]]), np.array([[2.0, 0, 0], [0, 1.0, 0]]))
    np.testing.assert_allclose(grid, [[1, 1]], atol=1e-12)


def test_directions_of_rounding_are_none():
    random = np.random.default_rng(0)
    A = random.standard_normal((5, 2)) @ random.standard_normal((2, 30))
    grid = subspace_similarity(A, random.standard_normal((3, 30)))
    assert grid.shape == (5, 3)
    assert np.isfinite(grid[:2]).all()
    assert np.isnan(grid[2:]).all()


def test_float32_rounding_counts_by_its_own_size():
    random = np.random.default_rng(0)
    A = (random.standard_normal((5, 2)) @ random.standard_normal((2, 30))).astype(np.float32)
    assert np.isnan(subspace_similarity(A, A)[2:]).all()
    assert np.isnan(subspace_similarity(torch.from_numpy(A), A)[2:]).all()


def test_a_factor_of_zeros_has_no_direction():
    assert np.isnan(subspace_similarity(np.zeros((2, 5)), np.ones((1, 5)))).all()


@pytest.mark.parametrize(
    ("A1", "A2", "side", "message"),
    [
        (
            np.ones((5, 3)),
            np.ones((1, 3)),
            "right",
            "A1 has shape (5, 3): 5 directions in 3 dimensions; allowed: r ",
        ),
        (np.ones((3, 5)), np.ones((3, 1)), "left", "A1 has shape (3, 5): 5 directions in 3 dimensions"),
        (
            np.ones((1, 3)),
            np.ones((1, 4)),
            "right",
            "A1 lies in 3 dimensions and A2 in 4; allowed: factors of matrices of one size.",
        ),
        (np.ones(3), np.ones((1, 3)), "right", "A1 has shape (3,); allowed: a matrix, 2 dimensions."),
        (
            np.ones((1, 3)),
            np.full((1, 3), np.nan),
            "right",
            "A2 has a NaN or an infinite value; allowed: finite numbers.",
        ),
        (np.ones((1, 3)), np.ones((1, 3)), "top", "side is 'top'; allowed: 'left' (B, P) or 'right' (A, Q)."),
    ],
)
def test_what_is_wrong_is_named(A1, A2, side, message):
    with pytest.raises(ConfigError) as error:
        subspace_similarity(A1, A2, side)
    assert message in str(error.value)


@pytest.mark.parametrize("side", SIDES)
def test_of_the_true_singular_vectors(side):
    random = np.random.default_rng(3)
    first, second = random.standard_normal((2, 7, 5))
    grid = delta_similarity(svd_of_matrix(first), svd_of_matrix(second), side)
    np.testing.assert_allclose(grid, similarity(first, second, side), atol=1e-9)


def test_updates_of_other_sizes_have_no_similarity():
    with pytest.raises(ConfigError, match="the updates have 3 and 4 dimensions; allowed: the same number"):
        delta_similarity(svd_of_matrix(np.ones((2, 3))), svd_of_matrix(np.ones((2, 4))))


def test_distances_of_two_planes():
    angle = 0.3
    first = np.eye(4)[:, :2]
    second = np.stack([np.eye(4)[0], np.cos(angle) * np.eye(4)[1] + np.sin(angle) * np.eye(4)[2]], 1)
    found = distance(first, second)
    np.testing.assert_allclose(found.angles, [angle, 0], atol=1e-12)
    assert found.grassmann == pytest.approx(angle)
    assert found.projection == pytest.approx(np.sin(angle))
    P1, P2 = first @ first.T, second @ second.T
    assert found.projection == pytest.approx(np.linalg.norm(P1 - P2) / np.sqrt(2))


def test_a_small_angle_is_not_lost():
    assert distance([[1.0], [0.0]], [[1.0], [1e-9]]).angles[0] == pytest.approx(1e-9, rel=1e-6)


def test_subspaces_of_one_space():
    with pytest.raises(ConfigError, match="U1 has 3 rows and U2 2; allowed: the same number"):
        distance(np.ones((3, 1)), np.ones((2, 1)))
