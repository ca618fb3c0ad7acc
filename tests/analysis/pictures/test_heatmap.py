"""What the heatmap says, read back from the figure."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from adalora import ConfigError
from analysis import rank_heatmap
from analysis.pictures import style

RANKS = {
    "m.layers.0.query": 3,
    "m.layers.0.value": 10,
    "m.layers.1.query": 0,
    "m.layers.2.value": 12,
    "m.layers.2.query": 5,
}


def texts(axes):
    """Text by the column and row that it stands in."""
    return {
        (int(np.floor(text.get_position()[0])), int(np.floor(text.get_position()[1]))): text
        for text in axes.texts
    }


def test_every_cell_holds_its_rank_and_absent_ones_nothing():
    [axes] = rank_heatmap(RANKS).axes
    cells = {place: text.get_text() for place, text in texts(axes).items() if place[0] < 3 and place[1] >= 0}
    assert cells == {(0, 0): "3", (1, 0): "0", (2, 0): "5", (0, 1): "10", (2, 1): "12"}
    drawn = axes.collections[0].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn), [[False] * 3, [False, True, False]])


def test_means_of_rows_and_columns():
    [axes] = rank_heatmap(RANKS).axes
    found = texts(axes)
    assert [found[3, row].get_text() for row in (-1, 0, 1)] == ["mean", "2.7", "11.0"]
    assert [found[column, -1].get_text() for column in range(3)] == ["6.5", "0.0", "8.5"]


def test_axes_are_named():
    [axes] = rank_heatmap({"classifier": 1, **RANKS}).axes
    assert axes.get_xlabel() == "layer"
    assert axes.get_ylabel() == "matrix type"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", "-"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["classifier", "m.query", "m.value"]
    assert axes.yaxis_inverted()


def test_the_budget_stands_below_the_title():
    title, facts = (text.get_text() for text in rank_heatmap(RANKS, initial=12, title="Mine").texts)
    assert title == "Mine"
    assert facts == "30 of 60 triplets in 5 matrices, 6.0 on average"
    assert rank_heatmap(RANKS).texts[1].get_text() == "30 triplets in 5 matrices, 6.0 on average"


@pytest.mark.parametrize(("initial", "top"), [(None, 12), (16, 16), (8, 12)])
def test_colours_run_from_zero_to_the_highest_rank(initial, top):
    [axes] = rank_heatmap(RANKS, initial=initial).axes
    assert axes.collections[0].get_clim() == (0, top)


def test_numbers_can_be_read_on_every_cell():
    ranks = {f"m.layers.{rank}.query": rank for rank in range(33)}
    [axes] = rank_heatmap(ranks).axes
    mesh, found = axes.collections[0], texts(axes)
    for rank in range(33):
        cell = style.luminance(mesh.to_rgba(rank)) + 0.05
        ink = style.luminance(to_rgba(found[rank, 0].get_color())) + 0.05
        assert max(cell / ink, ink / cell) > 3.9


@pytest.mark.parametrize("ranks", [{"m.query": 0}, {"m.query": 0, "m.value": 0}])
def test_all_ranks_zero(ranks):
    [axes] = rank_heatmap(ranks).axes
    assert axes.collections[0].get_clim() == (0, 1)


def test_nothing_to_draw():
    with pytest.raises(ConfigError, match="ranks is empty"):
        rank_heatmap({})
