"""Numbers as tables show them."""

import pytest

from experiments.bench.aims import Range
from experiments.bench.grid import bounds, figure, grid, milliseconds


def test_a_table():
    assert grid(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.5, "500"), (0.0123456, "12.3"), (0.1, "100"), (1.5, "1500")]
)
def test_milliseconds_have_three_figures(seconds, shown):
    assert milliseconds({"median": seconds}) == shown


@pytest.mark.parametrize(
    ("allowed", "unit", "shown"),
    [
        (Range(high=1.12), "ratio", "≤ 1.12"),
        (Range(low=1.4), "ratio", "≥ 1.4"),
        (Range(1, 1), "ratio", "1"),
        (Range(-0.5, 0.5), "points", "-0.50 to 0.50"),
        (Range(high=0.03), "share", "≤ 3 %"),
    ],
)
def test_bounds(allowed, unit, shown):
    assert bounds(allowed, unit) == shown


def test_a_number_in_its_unit():
    assert figure(1.2341, "ratio") == "1.234"
    assert figure(0.00714, "share") == "0.71 %"
