"""The course of a training: loss, and the metric of the task where it was looked at."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.pictures import style

WIDTH, HEIGHT, SPACE = 3.3, 1.25, 0.24


def training_curve(rows: Sequence[Mapping[str, float]], metric: str) -> Figure:
    """Draw the task's loss over the steps, and below it the metric on the validation part, if it was taken.

    Args:
        rows: rows of ``metrics.jsonl``.
        metric: name of the task's headline metric.
    """
    panels: list[tuple[str, dict[str, list[tuple[float, float]]]]] = [
        ("loss", {"training": _points(rows, "loss"), "validation": _points(rows, "validation_loss")})
    ]
    measured = _points(rows, f"validation_{metric}")
    if measured:
        panels.append((metric, {"validation": measured}))
    left = style.MARGIN + 0.55
    height = style.FOOT + len(panels) * (HEIGHT + SPACE) + style.HEADLINE - SPACE
    figure = style.new_figure(left + WIDTH + 0.25, height, "Course of the training", _facts(rows))
    last = max((row["step"] for row in rows), default=1)
    for index, (name, curves) in enumerate(reversed(panels)):
        axes = style.add_panel(figure, left, style.FOOT + index * (HEIGHT + SPACE), WIDTH, HEIGHT)
        _draw(axes, name, curves, last)
        if index == 0:
            axes.set_xlabel("optimizer step")
        else:
            axes.tick_params(labelbottom=False)
    return figure


def _points(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    return [(row["step"], row[name]) for row in rows if name in row]


def _draw(axes: Any, name: str, curves: Mapping[str, list[tuple[float, float]]], last: float) -> None:
    strokes = {
        "training": {"color": style.ACCENT, "linewidth": 1.2},
        "validation": {"color": style.CONTRAST, "marker": "o", "markersize": 3, "linewidth": 1},
    }
    for label, points in curves.items():
        if points:
            axes.plot(*zip(*points, strict=True), label=label, clip_on=False, **strokes[label])
    axes.set_xlim(0, last)
    axes.set_ylabel(name)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.spines[["left", "bottom"]].set(visible=True, color=style.RULE)
    if len(axes.lines) > 1:
        axes.legend(frameon=False, fontsize=style.SMALL, labelcolor=style.MUTED)


def _facts(rows: Sequence[Mapping[str, float]]) -> str:
    losses = _points(rows, "loss")
    if not losses:
        return "fewer steps than training.log_every: no row was logged"
    return f"training loss from {losses[0][1]:.3f} to {losses[-1][1]:.3f}, the penalty not included"
