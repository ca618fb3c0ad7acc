"""The amplification factor against a full SVD, and the arithmetic of Table 7."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adalora import ConfigError
from analysis import amplification, amplification_by_rank, svd_of_product, truncated_amplification
from tests.analysis.naive import projected

sizes = st.integers(2, 16)


@given(sizes, sizes, st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_every_number_is_the_definition(d1, d2, r, seed):
    r = min(r, d1, d2)
    random = np.random.default_rng(seed)
    W0 = random.standard_normal((d1, d2))
    left, right = random.standard_normal((d1, r)), random.standard_normal((r, d2))
    delta = left @ right
    found = amplification(W0, (left, right), r)
    assert found.by_delta == pytest.approx(projected(W0, delta, r), rel=1e-9, abs=1e-9)
    assert found.by_base == pytest.approx(projected(W0, W0, r), rel=1e-9)
    assert found.base_norm == pytest.approx(np.linalg.norm(W0), rel=1e-12)
    assert found.delta_norm == pytest.approx(np.linalg.norm(delta), rel=1e-9)
    assert found.factor == pytest.approx(np.linalg.norm(delta) / projected(W0, delta, r), rel=1e-7)
    assert 0 <= found.by_random <= found.by_base * (1 + 1e-12)


@pytest.mark.parametrize(
    ("rank", "by_delta", "delta_norm", "factor"), [(4, 0.32, 6.91, 21.6), (64, 1.90, 3.57, 1.88)]
)
def test_table_7_of_the_lora_paper(rank, by_delta, delta_norm, factor):
    """Matrices with the printed norms give the printed factors: 21.6 for r = 4 and 1.88 for r = 64."""
    d = 80
    W0 = np.zeros((d, d))
    W0[:rank, :rank] = by_delta / np.sqrt(rank) * np.eye(rank)
    rest = np.sqrt(61.95**2 - by_delta**2)
    W0[-1, -1] = rest
    delta = np.zeros((d, d))
    delta[:rank, :rank] = delta_norm / np.sqrt(rank) * np.eye(rank)
    found = amplification(W0, delta, rank)
    assert found.base_norm == pytest.approx(61.95)
    assert found.by_delta == pytest.approx(by_delta)
    assert found.delta_norm == pytest.approx(delta_norm)
    assert float(f"{found.factor:.3g}") == factor
    assert found.by_base >= rest


@pytest.mark.parametrize("form", ["dense", "factors", "svd"])
def test_the_update_may_come_in_any_form(form):
    random = np.random.default_rng(0)
    W0, left, right = (
        random.standard_normal((6, 5)),
        random.standard_normal((6, 2)),
        random.standard_normal((2, 5)),
    )
    delta = {"dense": left @ right, "factors": (left, right), "svd": svd_of_product(left, right)}[form]
    assert amplification(W0, delta, 2).factor == pytest.approx(amplification(W0, left @ right, 2).factor)


def test_by_rank_cuts_the_directions_but_not_the_norms():
    random = np.random.default_rng(0)
    W0, delta = random.standard_normal((2, 9, 7))
    rows = amplification_by_rank(W0, delta, [1, 3, 7])
    assert [row.rank for row in rows] == [1, 3, 7]
    for row in rows:
        assert row.by_delta == pytest.approx(projected(W0, delta, row.rank))
        assert row.delta_norm == pytest.approx(np.linalg.norm(delta))
    known = amplification_by_rank(W0, delta, [1, 3, 7], sigma=np.linalg.svd(W0, compute_uv=False))
    assert known == rows


def test_a_cut_update_has_the_norm_of_what_is_left():
    random = np.random.default_rng(0)
    W0, delta = random.standard_normal((2, 5, 4))
    sigma = np.linalg.svd(delta, compute_uv=False)
    rows = truncated_amplification(W0, delta)
    assert [row.delta_norm for row in rows] == pytest.approx(np.sqrt((sigma**2).cumsum()))


def test_more_ranks_than_the_update_has():
    W0 = np.random.default_rng(0).standard_normal((6, 6))
    one = (np.ones((6, 1)), np.ones((1, 6)))
    assert amplification(W0, one, 4).by_delta == amplification(W0, one, 1).by_delta


def test_an_update_of_zero_amplifies_nothing():
    found = amplification(np.eye(3), np.zeros((3, 3)), 2)
    assert found.delta_norm == 0
    assert np.isnan(found.factor)
    assert truncated_amplification(np.eye(3), np.zeros((3, 3))) == []


def test_a_weight_of_zeros():
    found = amplification(np.zeros((3, 3)), np.eye(3), 2)
    assert found.by_base == found.base_norm == 0
    assert np.isnan(found.factor)


def test_the_seed_decides_on_the_random_directions():
    W0 = np.random.default_rng(0).standard_normal((8, 8))
    first, again, other = (amplification(W0, W0, 2, seed).by_random for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("W0", "delta", "rank", "message"),
    [
        (np.ones((3, 2)), np.ones((3, 2)), 3, "rank is 3; allowed: 1 to 2, the smaller size of W0."),
        (np.ones((3, 2)), np.ones((3, 2)), 0, "rank is 0; allowed: 1 to 2"),
        (np.ones((3, 2)), np.ones((2, 3)), 1, "delta is 2 × 3 and W0 3 × 2; allowed: the same size."),
        (np.full((3, 2), np.inf), np.ones((3, 2)), 1, "W0 has a NaN or an infinite value"),
    ],
)
def test_what_is_wrong_is_named(W0, delta, rank, message):
    with pytest.raises(ConfigError) as error:
        amplification(W0, delta, rank)
    assert message in str(error.value)
