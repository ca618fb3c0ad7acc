"""The pictures of ``docs/recipe.md``, drawn from the JSON and from nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.pictures import style

from .tables import label_of

Record = Mapping[str, Any]
_WIDTH, _HEIGHT, _SPACE, _LEFT = 1.35, 1.9, 0.42, 0.5


def pictures(record: Record) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name.

    Args:
        record: what ``recipe.json`` holds.
    """
    yield "lengths", lengths(record["lengths"])
    yield "rates", rates(record["contenders"])
    yield "scores", scores(record["contenders"])


def lengths(found: Sequence[Record]) -> Figure:
    """Draw how far ΔW has moved, measured on what is predicted, for every size of matrix."""
    sizes = list(dict.fromkeys((row["d1"], row["d2"]) for row in found))
    starts = list(dict.fromkeys(row["start"] for row in found))
    figure, panels = _panels(
        [f"{d1} × {d2}" for d1, d2 in sizes],
        starts,
        "How far ΔW moves",
        "‖ΔW‖, mean over the matrices of a size; shaded from random signs to signs that agree",
    )
    for axes, (d1, d2) in zip(panels, sizes, strict=True):
        for number, start in enumerate(starts):
            rows = [row for row in found if (row["d1"], row["d2"], row["start"]) == (d1, d2, start)]
            steps, colour = [row["step"] for row in rows], style.series_colour(number)
            least, most = ([row[name] for row in rows] for name in ("least", "most"))
            axes.fill_between(steps, least, most, color=colour, alpha=0.12, linewidth=0)
            axes.plot(steps, [row["measured"] for row in rows], "o-", color=colour, markersize=3, linewidth=1)
        axes.set(xscale="log", yscale="log", xlabel="steps")
        axes.xaxis.set_minor_locator(NullLocator())
    return figure


def rates(found: Sequence[Record]) -> Figure:
    """Draw the validation score over the learning rate."""
    figure, grounds = _by_ground(
        found,
        "Which learning rates a method can take",
        "validation score, of 100, mean of two seeds, over the learning rate",
    )
    every = sorted({float(rate) for row in found for rate in row["validation"]})
    for axes, rows in grounds:
        for row, colour in rows:
            points = {float(rate): 100 * score for rate, score in row["validation"].items()}
            axes.plot(list(points), list(points.values()), "o-", color=colour, markersize=3, linewidth=1)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(every))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(every, [f"{1e3 * rate:g}" for rate in every])
        axes.set_xlabel("learning rate, 10⁻³")
    return figure


def scores(found: Sequence[Record]) -> Figure:
    """Draw the test score of every seed, and the mean."""
    figure, grounds = _by_ground(
        found,
        "What the methods come to",
        "test score, of 100, at the learning rate that validation rows chose; a point a seed, a bar a mean",
    )
    for axes, rows in grounds:
        for place, (row, colour) in enumerate(rows):
            points = [100 * one for one in row["test"]]
            axes.plot([place] * len(points), points, "o", color=colour, markersize=3)
            axes.plot([place - 0.35, place + 0.35], [100 * row["mean"]] * 2, color=colour, linewidth=2)
        axes.set_xticks([])
        axes.set_xlim(-0.6, len(rows) - 0.4)
    return figure


def _by_ground(
    found: Sequence[Record], title: str, facts: str
) -> tuple[Figure, list[tuple[Any, list[tuple[Record, str]]]]]:
    """Return a figure, and for each task and budget its panel and rows, each row with its method's colour."""
    methods = list(dict.fromkeys(label_of(row) for row in found))
    grounds: dict[tuple[str, int], list[tuple[Record, str]]] = {}
    for row in found:
        colour = style.series_colour(methods.index(label_of(row)))
        grounds.setdefault((row["task"], row["budget"]), []).append((row, colour))
    figure, panels = _panels([_short(*ground) for ground in grounds], methods, title, facts)
    return figure, list(zip(panels, grounds.values(), strict=True))


def _short(task: str, budget: int) -> str:
    return f"{task.replace('_', ' ').replace('wordnet definitions', 'definitions')}, {budget}"


def _panels(names: Sequence[str], series: Sequence[str], title: str, facts: str) -> tuple[Figure, list[Any]]:
    """Return a figure with a panel for each name in a row, and the names of the series at its right."""
    right = style.text_width(*series) + 0.35
    width = _LEFT + len(names) * (_WIDTH + _SPACE) + right
    height = style.FOOT + _HEIGHT + 0.22 + style.HEADLINE
    figure = style.new_figure(width, height, title, facts)
    panels = []
    for number, name in enumerate(names):
        left = _LEFT + number * (_WIDTH + _SPACE)
        axes = style.add_panel(figure, left, style.FOOT, _WIDTH, _HEIGHT)
        axes.set_title(name, fontsize=style.TEXT, color=style.INK, loc="left", pad=4)
        axes.spines[["left", "bottom"]].set(visible=True, color=style.RULE)
        panels.append(axes)
    handles = [
        Line2D([], [], marker="o", linestyle="", color=style.series_colour(number), label=label)
        for number, label in enumerate(series)
    ]
    place = (_LEFT + len(names) * (_WIDTH + _SPACE) - 0.2) / figure.get_size_inches()[0]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(place, (style.FOOT + _HEIGHT) / figure.get_size_inches()[1]),
        frameon=False,
        fontsize=style.TEXT,
        labelcolor=style.INK,
        handletextpad=0.2,
    )
    return figure, panels
