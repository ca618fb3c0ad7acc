"""Colours that everyone can tell apart, and sizes that hold their text."""

import itertools

import pytest

from analysis.pictures import style


def test_rank_colours_darken_all_the_way():
    lightness = [style.luminance(style.RANK_COLOURS(step)) for step in range(256)]
    assert all(later < earlier for earlier, later in itertools.pairwise(lightness))


@pytest.mark.parametrize(
    ("colour", "expected"), [("white", 1), ("black", 0), ("#808080", 0.2159), ("red", 0.2126)]
)
def test_luminance(colour, expected):
    assert style.luminance(colour) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("background", "expected"), [("white", style.INK), ("black", "white"), ("#ffffcc", style.INK)]
)
def test_text_colour(background, expected):
    assert style.text_colour(background) == expected


def test_text_width_grows_with_text_and_size():
    assert style.text_width() == style.text_width("") == 0
    assert 0.1 < style.text_width("query") < style.text_width("query", "attention.query") < 2
    assert style.text_width("query", size=16) == pytest.approx(2 * style.text_width("query", size=8))


def test_a_figure_is_as_wide_as_its_title():
    narrow = style.new_figure(1, 1, "short", "facts")
    assert narrow.get_size_inches()[0] == style.COLUMN
    wide = style.new_figure(1, 1, "long " * 20, "facts")
    assert wide.get_size_inches()[0] > style.text_width("long " * 20, size=style.TITLE)
