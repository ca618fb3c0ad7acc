"""Panels in a row with one legend at their right."""

from collections.abc import Sequence
from math import ceil
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.pictures import style

WIDTH, HEIGHT, SPACE, LEFT, NAME, ACROSS = 2.3, 1.9, 0.62, 0.62, 0.24, 3
_LONGEST, _ENTRY = 44, 0.165  # letters of a name in the legend; height of one


def panels(
    names: Sequence[str], series: Sequence[str], title: str, facts: str, markers: str = "o"
) -> tuple[Figure, list[Any]]:
    """Return a figure with a panel for each name, three in a row, and the names of the series at its right.

    Args:
        names: what stands above the panels.
        series: what the colours mean, in the order of `style.series_colour`.
        title: of the picture.
        facts: the line below it.
        markers: of the series, over and over.
    """
    shown = [shortened(name) for name in series]
    across, down = min(len(names), ACROSS), ceil(len(names) / ACROSS)
    tall = style.FOOT + HEIGHT + NAME
    right = style.text_width(*shown) + 0.45
    width = LEFT + across * (WIDTH + SPACE) - SPACE + 0.2 + right
    height = style.HEADLINE + max(down * tall, NAME + _ENTRY * len(shown) + 0.15) + 0.08
    figure = style.new_figure(width, height, title, facts)
    top = height - style.HEADLINE
    found = []
    for number, name in enumerate(names):
        row, column = divmod(number, across)
        bottom = top - (row + 1) * tall + style.FOOT
        axes = style.add_panel(figure, LEFT + column * (WIDTH + SPACE), bottom, WIDTH, HEIGHT)
        axes.set_title(shortened(name), fontsize=style.TEXT, color=style.INK, loc="left", pad=4)
        axes.spines[["left", "bottom"]].set(visible=True, color=style.RULE)
        found.append(axes)
    size = figure.get_size_inches()
    figure.legend(
        handles=[
            Line2D(
                [],
                [],
                marker=markers[number % len(markers)],
                linestyle="",
                color=style.series_colour(number),
                label=name,
            )
            for number, name in enumerate(shown)
        ],
        loc="upper left",
        bbox_to_anchor=(
            (LEFT + across * (WIDTH + SPACE) - SPACE + 0.1) / size[0],
            (top - NAME + 0.05) / size[1],
        ),
        frameon=False,
        fontsize=style.TEXT,
        labelcolor=style.INK,
        handletextpad=0.2,
        labelspacing=0.35,
        borderpad=0,
    )
    return figure, found


def shortened(name: str) -> str:
    """Return a name that a picture has room for, on one line, and in which nothing is mathematics."""
    flat = " ".join(name.split())
    flat = flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
    # A legend leaves out what begins with an underscore.
    return (f" {flat}" if flat.startswith("_") else flat).replace("$", r"\$")
