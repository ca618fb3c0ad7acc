"""φ of random subspaces: its mean in closed form, the rest against plain sampling."""

import numpy as np
import pytest

from adalora import ConfigError
from analysis import chance, subspace_similarity
from tests.analysis.naive import similarity


@pytest.mark.parametrize(("d", "r1", "r2"), [(20, 3, 5), (6, 4, 6), (5, 5, 2), (1, 1, 1), (4, 1, 4)])
def test_mean_and_spread_are_those_of_gaussian_factors(d, r1, r2):
    random = np.random.default_rng(0)
    drawn = np.stack(
        [
            similarity(random.standard_normal((r1, d)), random.standard_normal((r2, d)), "right")
            for _ in range(2000)
        ]
    )
    found = chance(d, r1, r2, samples=2000)
    error = 5 * drawn.std(0) / np.sqrt(2000) + 1e-12
    assert (np.abs(found.mean - drawn.mean(0)) <= error).all()
    np.testing.assert_allclose(found.sd, drawn.std(0), atol=0.02)
    np.testing.assert_allclose(found.quantiles[0.95], np.quantile(drawn, 0.95, axis=0), atol=0.06)


def test_the_closed_form():
    found = chance(100, 2, 4)
    assert found.mean[1, 3] == pytest.approx(2 * 4 / 100 / 2)
    assert found.mean.shape == found.sd.shape == found.quantiles[0.99].shape == (2, 4)


def test_a_corner_is_the_chance_of_fewer_directions():
    large, small = chance(30, 6, 8, samples=4000), chance(30, 2, 3, samples=4000, seed=1)
    np.testing.assert_allclose(large.mean[:2, :3], small.mean)
    np.testing.assert_allclose(large.sd[:2, :3], small.sd, rtol=0.1)


def test_the_seed_decides():
    assert np.array_equal(chance(9, 2, 2, seed=4).sd, chance.__wrapped__(9, 2, 2, seed=4).sd)
    assert not np.array_equal(chance(9, 2, 2, seed=4).sd, chance(9, 2, 2, seed=5).sd)


def test_a_cell_is_called_above_chance_or_not():
    random = np.random.default_rng(0)
    A, B = random.standard_normal((2, 3, 200))
    found = chance(200, 3, 3)
    assert found.above(subspace_similarity(A, A)).all()
    assert found.above(subspace_similarity(A, B)).mean() < 0.4
    part = np.full((2, 2), np.nan)
    assert np.isnan(found.above(part)).all()


def test_about_one_in_twenty_is_above_the_95th():
    random = np.random.default_rng(1)
    level = chance(40, 4, 4, samples=4000)
    above = [
        level.above(subspace_similarity(*random.standard_normal((2, 4, 40))), 0.95)[0, 0] for _ in range(600)
    ]
    assert 0.02 < np.mean(above) < 0.09


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chance(3, 4, 1), "r1 is 4; allowed: 1 to the number of dimensions, d = 3."),
        (lambda: chance(3, 1, 0), "r2 is 0; allowed: 1 to"),
        (lambda: chance(3, 1, 1, samples=1), "samples is 1; allowed: at least 2."),
        (
            lambda: chance(3, 1, 1).above(np.ones((1, 1)), 0.5001),
            "level is 0.5001; allowed: 0.05, 0.5, 0.95, 0.99.",
        ),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ConfigError) as error:
        call()
    assert message in str(error.value)
