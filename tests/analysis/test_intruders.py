"""Intruder dimensions."""

import numpy as np
import pytest

from adalora import ConfigError
from analysis import intruders

random = np.random.default_rng(0)
W0 = random.standard_normal((20, 12))


def test_a_small_update_brings_none():
    found = intruders(W0, 1e-6 * random.standard_normal((20, 12)))
    assert found.count == 0
    np.testing.assert_allclose(found.closest, 1, atol=1e-6)
    assert len(found.closest) == 10


def test_a_large_update_of_rank_one_is_an_intruder():
    u, v = random.standard_normal((20, 1)), random.standard_normal((1, 12))
    found = intruders(W0, (100 * u, v), top=3, threshold=0.8)
    assert found.closest[0] < 0.8
    assert found.count >= 1


def test_the_definition():
    delta = random.standard_normal((20, 12))
    U0, U1 = (np.linalg.svd(W, full_matrices=False)[0] for W in (W0, W0 + delta))
    expected = [max(abs(U0[:, j] @ U1[:, i]) for j in range(12)) for i in range(10)]
    np.testing.assert_allclose(intruders(W0, delta).closest, expected, atol=1e-9)
    np.testing.assert_allclose(intruders(W0, delta, U=U0).closest, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("delta", "top", "message"),
    [
        (np.ones((2, 2)), 1, "delta is 2 × 2 and W0 20 × 12; allowed: the same size."),
        (W0, 0, "top is 0; allowed: at least 1."),
    ],
)
def test_what_is_wrong_is_named(delta, top, message):
    with pytest.raises(ConfigError) as error:
        intruders(W0, delta, top)
    assert message in str(error.value)
