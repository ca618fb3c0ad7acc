"""The SVD update."""

import pytest
import torch

from adalora.updates import SVDUpdate, Update


def test_it_starts_at_zero_and_is_an_update():
    update = SVDUpdate(6, 5, 3, 2.0)
    assert isinstance(update, Update)
    left, right = update.factors()
    assert torch.equal(left @ right, torch.zeros(6, 5))
    assert update.rank == 3
    assert [tuple(p.shape) for p in update.parameters()] == [(6, 3), (3,), (3, 5)]


def test_factors_hold_the_scaling():
    update = SVDUpdate(6, 5, 3, 2.0, dtype=torch.float64)
    update.lam.data.copy_(torch.tensor([1.0, -2.0, 0.5]))
    left, right = update.factors()
    dense = 2.0 * sum(update.lam[i] * torch.outer(update.P[:, i], update.Q[i]) for i in range(3))
    torch.testing.assert_close(left @ right, dense, rtol=1e-12, atol=1e-12)


def test_keep_zeroes_lambda_and_spares_the_vectors():
    update = SVDUpdate(6, 5, 3)
    update.lam.data.fill_(4.0)
    P, Q = update.P.clone(), update.Q.clone()
    update.keep_(torch.tensor([True, False, True]))
    assert update.lam.tolist() == [4.0, 0.0, 4.0]
    assert update.rank == 2
    assert torch.equal(update.P, P)
    assert torch.equal(update.Q, Q)
    update.keep_(torch.tensor([False, True, True]))
    assert update.lam.tolist() == [0.0, 0.0, 4.0]


@pytest.mark.parametrize("shape", [(40, 30), (3, 50), (50, 3)])
def test_orthogonal_start(shape):
    update = SVDUpdate(*shape, 3, init="orthogonal", dtype=torch.float64)
    eye = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(update.P.T @ update.P, eye)
    torch.testing.assert_close(update.Q @ update.Q.T, eye)


def test_gaussian_start_has_the_reference_deviation():
    update = SVDUpdate(400, 300, 50)
    for factor in (update.P, update.Q):
        assert factor.std().item() == pytest.approx(0.02, rel=0.03)
        assert factor.mean().item() == pytest.approx(0, abs=1e-3)


def test_it_says_what_it_is():
    assert "d1=6, d2=5, triplets=3, scaling=2" in repr(SVDUpdate(6, 5, 3, 2.0))
