"""The pictures show the numbers of the record."""

import pytest

from analysis.pictures import style
from experiments.recipe import pictures


def row(method, score, changed=""):
    return {
        "task": "wordnet24",
        "budget": 8,
        "method": method,
        "changed": changed,
        "validation": {"0.001": score - 0.1, "0.002": score},
        "test": [score, score + 0.02],
        "mean": score + 0.01,
    }


ROWS = [row("adalora", 0.75), row("lora", 0.5), {**row("lora", 0.25), "budget": 2}]


def test_a_panel_for_each_task_and_budget_and_a_colour_for_each_method():
    eight, two = pictures.rates(ROWS).axes
    assert (eight.get_title(loc="left"), two.get_title(loc="left")) == ("wordnet24, 8", "wordnet24, 2")
    first, second = eight.get_lines()[:2]
    assert list(first.get_xdata()) == [0.001, 0.002]
    assert list(first.get_ydata()) == pytest.approx([65, 75])
    assert list(second.get_ydata()) == pytest.approx([40, 50])
    assert second.get_color() == two.get_lines()[0].get_color() == style.series_colour(1)


def test_every_seed_is_a_point_and_the_mean_a_bar():
    points, bar = pictures.scores(ROWS).axes[0].get_lines()[:2]
    assert list(points.get_ydata()) == pytest.approx([75, 77])
    assert list(bar.get_ydata()) == pytest.approx([76, 76])


def test_what_is_measured_lies_on_what_is_predicted():
    found = [
        {"start": "LoRA", "d1": 6, "d2": 4, "step": step, "least": 1.0, "most": 4.0 * step, "measured": 2.0 * step}
        for step in (1, 10)
    ]  # fmt: skip
    (axes,) = pictures.lengths(found).axes
    assert list(axes.get_lines()[0].get_ydata()) == [2, 20]
    (shade,) = axes.collections
    assert shade.get_paths()[0].vertices[:, 1].max() == 40


def test_the_legend_names_what_is_changed():
    figure = pictures.scores([row("adalora", 0.7), row("lora", 0.7, "short first steps")])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "AdaLoRA",
        "LoRA, short first steps",
    ]
