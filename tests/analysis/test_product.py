"""The SVD of a product, from its factors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora import ConfigError
from analysis import svd_of_matrix, svd_of_product

sizes = st.integers(1, 20)


@given(sizes, sizes, sizes, st.integers(0, 2**32 - 1))
def test_it_is_that_of_the_dense_matrix(d1, d2, r, seed):
    random = np.random.default_rng(seed)
    left, right = random.standard_normal((d1, r)), random.standard_normal((r, d2))
    found, dense = svd_of_product(left, right), svd_of_matrix(left @ right)
    np.testing.assert_allclose(found.sigma, dense.sigma, rtol=1e-9, atol=1e-9 * dense.sigma[0])
    np.testing.assert_allclose((found.U * found.sigma) @ found.V.T, left @ right, atol=1e-9 * dense.sigma[0])
    for vectors in (found.U, found.V):
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(found.rank), atol=1e-9)
    assert found.rank <= min(d1, d2, r)


def test_only_the_numerical_rank_is_kept():
    left = np.ones((6, 3))
    assert svd_of_product(left, np.ones((3, 4))).rank == 1
    assert svd_of_product(np.zeros((6, 3)), np.ones((3, 4))).rank == 0
    assert svd_of_product(np.zeros((6, 0)), np.zeros((0, 4))).rank == 0


def test_tensors_of_any_type():
    left = torch.randn(5, 2, dtype=torch.bfloat16, requires_grad=True)
    assert svd_of_product(left, torch.randn(2, 4)).sigma.dtype == np.float64


def test_sides():
    found = svd_of_matrix(np.diag([2.0, 1.0]))
    assert found.vectors("left") is found.U
    assert found.vectors("right") is found.V
    with pytest.raises(ConfigError, match="side is 'up'"):
        found.vectors("up")


def test_inner_sizes_must_fit():
    with pytest.raises(ConfigError, match=r"left has shape \(5, 2\) and right \(3, 4\); allowed: as many"):
        svd_of_product(np.ones((5, 2)), np.ones((3, 4)))
