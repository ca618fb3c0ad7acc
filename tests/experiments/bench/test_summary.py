"""Statistics of made-up timings."""

import pytest

from experiments.bench.summary import ratios, summary


def test_median_and_quartiles():
    assert summary([5.0, 1.0, 2.0, 4.0, 3.0]) == {"median": 3.0, "lower": 2.0, "upper": 4.0, "n": 5}
    assert summary([2.0]) == {"median": 2.0, "lower": 2.0, "upper": 2.0, "n": 1}


def test_a_slow_round_is_no_slow_contestant():
    times = {"floor": [1.0, 10.0, 1.0], "other": [1.5, 15.0, 1.5]}
    assert ratios(times, "floor") == {"other": {"median": 1.5, "lower": 1.5, "upper": 1.5, "n": 3}}


def test_ratios_are_taken_round_by_round():
    # The ratio of the medians would be 3 / 2.
    found = ratios({"floor": [1.0, 2.0, 4.0], "other": [3.0, 2.0, 8.0]}, "floor")["other"]
    assert found["median"] == pytest.approx(2.0)
