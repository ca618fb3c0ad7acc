"""Pictures of allocations over time, of scores and of seeds."""

import numpy as np
import pytest

import analysis
from adalora import ConfigError
from analysis import TripletRow


def test_a_strip_of_tables(history):
    figure = analysis.rank_strip(history)
    assert len(figure.axes) == 4
    first = figure.axes[0].collections[0].get_array()
    np.testing.assert_array_equal(first, 4 * np.ones((2, 3)))
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "step 0\n24",
        "step 4\n20",
        "step 6\n16",
        "step 8\n12",
    ]
    assert "24 triplets at first, 12 in the end; columns are layers" in [
        text.get_text() for text in figure.texts
    ]
    with pytest.raises(ConfigError, match="history is empty"):
        analysis.rank_strip([])


def test_a_long_history_is_shown_at_six_steps(history):
    long = [history[min(step, 3)] for step in range(50)]
    assert len(analysis.rank_strip(long).axes) == 6


def rows():
    random = np.random.default_rng(0)
    found = []
    for step in (10, 20, 30):
        scores = random.random(40) * 1e-9 * step
        alive = scores > np.median(scores)
        found.append(TripletRow(step, {"a": scores}, {"a": alive.astype(float)}))
    return found


def test_scores_and_the_lowest_that_was_kept():
    (axes,) = analysis.score_distributions(rows()).axes
    median, lowest = axes.get_lines()
    np.testing.assert_allclose(median.get_ydata(), [np.median(row.scores["a"]) for row in rows()])
    np.testing.assert_allclose(
        lowest.get_ydata(), [row.scores["a"][row.alive["a"] > 0].min() for row in rows()]
    )
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize(
    ("bad", "message"),
    [([], "rows is empty"), ([TripletRow(1, {"a": np.zeros(2)}, {"a": np.ones(2)})], "no score above zero")],
)
def test_scores_that_cannot_be_drawn(bad, message):
    with pytest.raises(ConfigError, match=message):
        analysis.score_distributions(bad)


def test_mean_and_deviation_of_every_matrix():
    runs = [
        {"layer.0.q": 1, "layer.1.q": 4, "layer.0.v": 2},
        {"layer.0.q": 3, "layer.1.q": 4, "layer.0.v": 1},
    ]
    figure = analysis.seed_stability(analysis.stability(runs), ["seed 0", "seed 1"])
    (axes,) = figure.axes
    grid = np.ma.filled(axes.collections[0].get_array(), np.nan)
    np.testing.assert_array_equal(grid, [[2, 4], [1.5, np.nan]])
    written = [text.get_text() for text in axes.texts]
    assert written == ["2.0", "±1.4", "4.0", "±0.0", "1.5", "±0.7"]
    assert "2 runs, mean ± sd; L1 3 on average, Kendall's τ 0.33" in [
        text.get_text() for text in figure.texts
    ]
