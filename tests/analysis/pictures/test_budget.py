"""What the picture of the budget says, read back from the figure."""

import dataclasses

import numpy as np
import pytest

from adalora import ConfigError
from analysis import budget_curve


def line(axes, label):
    [found] = [line for line in axes.lines if line.get_label() == label]
    return found


def test_points_are_what_was_kept_and_the_line_is_the_schedule(history, schedule):
    upper, _ = budget_curve(history, schedule).axes
    np.testing.assert_array_equal(line(upper, "kept").get_xydata(), [[0, 24], [4, 20], [6, 16], [8, 12]])
    np.testing.assert_array_equal(
        line(upper, "schedule").get_ydata(), [24, 24, 24, 22, 20, 18, 16, 14, 12, 12, 12, 12, 12]
    )
    assert list(upper.get_yticks()) == [0, 12, 24]


def test_a_budget_in_parameters_is_drawn_as_triplets_of_the_average_size(history, schedule):
    priced = dataclasses.replace(schedule, initial=10 * schedule.initial, target=10 * schedule.target)
    upper, _ = budget_curve(history, priced).axes
    assert line(upper, "schedule").get_ydata()[0] == 24
    assert line(upper, "schedule").get_ydata()[-1] == 12


def test_threshold_has_a_panel_of_its_own(history, schedule):
    upper, lower = budget_curve(history, schedule).axes
    np.testing.assert_array_equal(lower.lines[0].get_xydata(), [[4, 1e-9], [6, 4e-9], [8, 3e-9]])
    assert [label.get_text() for label in lower.get_yticklabels()] == ["1.0e-09", "4.0e-09"]
    assert lower.get_yscale() == "log"
    assert (upper.get_ylabel(), lower.get_ylabel(), lower.get_xlabel()) == (
        "triplets",
        "threshold",
        "optimizer step",
    )
    assert upper.get_xlim() == lower.get_xlim() == (0, 12)


def test_phases_are_shaded_and_named(history, schedule):
    for axes in budget_curve(history, schedule).axes:
        assert [(band.get_x(), band.get_width()) for band in axes.patches] == [(0, 2), (8, 4)]
    upper = budget_curve(history, schedule).axes[0]
    assert [text.get_text() for text in upper.texts] == ["warm-up", "pruning", "final"]


def test_a_phase_without_steps_has_no_name(history, schedule):
    bare = dataclasses.replace(schedule, warmup_steps=0, final_steps=0)
    assert [text.get_text() for text in budget_curve(history, bare).axes[0].texts] == ["pruning"]


def test_without_a_schedule(history):
    upper, lower = budget_curve(history).axes
    assert [line.get_label() for line in upper.lines] == ["kept"]
    assert not upper.patches
    assert upper.get_xlim() == lower.get_xlim() == (0, 8)


def test_a_threshold_of_zero_has_no_logarithm(history):
    tied = [dataclasses.replace(row, threshold=0.0) if row.step else row for row in history]
    lower = budget_curve(tied).axes[1]
    assert lower.get_yscale() == "linear"
    assert [label.get_text() for label in lower.get_yticklabels()] == ["0.0e+00"]


def test_before_the_first_update(history):
    figure = budget_curve(history[:1])
    assert list(figure.axes[1].get_yticks()) == []
    assert figure.texts[1].get_text() == "from 24 to 24 triplets in 0 updates; threshold: lowest score kept"


def test_nothing_to_draw():
    with pytest.raises(ConfigError, match="history is empty"):
        budget_curve([])
