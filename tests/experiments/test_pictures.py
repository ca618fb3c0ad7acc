"""The course of a training as a picture."""

from experiments.pictures import training_curve

ROWS = [
    {"step": 2, "loss": 0.7},
    {"step": 4, "loss": 0.5},
    {"step": 4, "validation_loss": 0.6, "validation_accuracy": 0.8},
]


def test_loss_and_metric_have_a_panel_each():
    figure = training_curve(ROWS, "accuracy")
    lower, upper = figure.axes
    assert (upper.get_ylabel(), lower.get_ylabel()) == ("loss", "accuracy")
    assert [line.get_label() for line in upper.lines] == ["training", "validation"]
    assert list(upper.lines[0].get_ydata()) == [0.7, 0.5]
    assert list(lower.lines[0].get_xdata()) == [4]


def test_without_looks_at_the_validation_part_there_is_the_loss_alone():
    figure = training_curve(ROWS[:2], "accuracy")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss"]
    assert figure.axes[0].get_legend() is None


def test_a_run_too_short_for_a_row_says_so():
    figure = training_curve([], "accuracy")
    assert "no row was logged" in figure.texts[1].get_text()
