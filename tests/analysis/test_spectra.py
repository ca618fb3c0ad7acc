"""What the singular values of an update say."""

import numpy as np
import pytest

from adalora import ConfigError
from analysis import lambda_gap, orthogonality_residual, spectrum, svd_of_matrix


def test_numbers_by_hand():
    found = spectrum(svd_of_matrix(np.diag([3.0, 4.0, 0.0])))
    np.testing.assert_allclose(found.sigma, [4, 3])
    assert found.norm == pytest.approx(5)
    assert found.stable_rank == pytest.approx(25 / 16)
    shares = np.array([4, 3]) / 7
    assert found.effective_rank == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    np.testing.assert_allclose(found.energy, [16 / 25, 1])


def test_equal_values_have_full_rank():
    found = spectrum(svd_of_matrix(np.eye(5)))
    assert found.stable_rank == pytest.approx(5)
    assert found.effective_rank == pytest.approx(5)


def test_an_update_of_zero():
    found = spectrum(svd_of_matrix(np.zeros((3, 2))))
    assert (found.norm, found.stable_rank, found.effective_rank) == (0, 0, 0)
    assert len(found.energy) == 0


def test_tiny_and_huge_values():
    for size in (1e-200, 1e200):
        found = spectrum(svd_of_matrix(size * np.eye(2)))
        assert found.norm == pytest.approx(size * np.sqrt(2))
        assert found.stable_rank == pytest.approx(2)


def test_residual_of_a_basis():
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 3)))[0]
    assert orthogonality_residual(Q) == pytest.approx(0, abs=1e-12)
    assert orthogonality_residual(2 * Q) == pytest.approx(np.linalg.norm(3 * np.eye(3)))


def test_lambda_is_the_spectrum_where_the_factors_are_orthonormal():
    assert lambda_gap([-3.0, 1.0, 2.0], np.array([3.0, 2.0, 1.0])) == pytest.approx(0)
    assert lambda_gap([3.0], np.array([4.0])) == pytest.approx(0.25)
    assert lambda_gap([3.0, 4.0], np.array([5.0])) == pytest.approx(np.sqrt(1 + 9) / 5)
    assert np.isnan(lambda_gap([0.0], np.zeros(0)))
    with pytest.raises(ConfigError, match="lam has shape"):
        lambda_gap(np.ones((2, 2)), np.ones(2))
