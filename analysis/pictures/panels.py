"""Panels of φ in rows and columns, with one scale of colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from ..arrays import Array
from . import style

NAME, AXIS, SPACE, BAR = 0.22, 0.36, 0.32, 0.55


@dataclass(frozen=True)
class Panel:
    """A grid of φ, drawn with i upwards and j to the right, both from 1.

    Attributes:
        name: what stands above it.
        grid: φ(i, j); a cell that is NaN stays blank.
        i: what i counts.
        j: what j counts.
    """

    name: str
    grid: Array
    i: str = "i"
    j: str = "j"


def panels(
    rows: Sequence[Sequence[Panel]],
    *,
    title: str,
    facts: str,
    names: Sequence[str] = (),
    size: float = 1.35,
) -> Figure:
    """Draw panels of equal size; the dark end of the colours is the largest φ, rounded up.

    Args:
        rows: panels from the top row to the bottom row.
        title: of the picture.
        facts: the line below the title.
        names: of the rows, if they have any.
        size: width and height of a panel in inches.
    """
    cells = np.concatenate([panel.grid.ravel() for row in rows for panel in row])
    top = _rounded_up(float(cells[~np.isnan(cells)].max(initial=0)))
    head = NAME + (0.18 if names else 0)
    columns = max(len(row) for row in rows)
    left = style.MARGIN + 0.42
    width = columns * size + (columns - 1) * (SPACE + 0.14)
    height = len(rows) * (size + head + AXIS) + (len(rows) - 1) * 0.1
    figure = style.new_figure(left + width + BAR + 0.15, height + style.HEADLINE + 0.1, title, facts)
    across, up = figure.get_size_inches()
    mesh = None
    for number, row in enumerate(rows):
        bottom = 0.1 + AXIS + (len(rows) - 1 - number) * (size + head + AXIS + 0.1)
        if names:
            place = style.MARGIN / across, (bottom + size + NAME + 0.02) / up
            figure.text(*place, names[number], fontsize=style.TEXT, color=style.INK, fontweight="bold")
        for column, panel in enumerate(row):
            axes = style.add_panel(figure, left + column * (size + SPACE + 0.14), bottom, size, size)
            mesh = _draw(axes, panel, top, first=column == 0)
    if mesh is not None:
        _bar(figure, mesh, (left + width + 0.15, 0.1 + AXIS, min(size, 1.35)), top)
    return figure


def _draw(axes: Any, panel: Panel, top: float, *, first: bool) -> Any:
    rows, columns = panel.grid.shape
    edges = (np.arange(columns + 1) + 0.5, np.arange(rows + 1) + 0.5)
    cells = np.ma.masked_invalid(panel.grid)
    mesh = axes.pcolormesh(*edges, cells, cmap=style.RANK_COLOURS, vmin=0, vmax=top, rasterized=True)
    axes.set_title(panel.name, fontsize=style.TEXT, color=style.INK, pad=4)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(columns)))
    axes.yaxis.set_major_locator(FixedLocator(_ticks(rows)))
    axes.tick_params(labelsize=style.SMALL, labelcolor=style.MUTED)
    axes.set_xlabel(panel.j, labelpad=1, fontsize=style.SMALL)
    if first:
        axes.set_ylabel(panel.i, labelpad=1, fontsize=style.SMALL)
    return mesh


def _rounded_up(value: float) -> float:
    """Return a round number that is no smaller, and at most 1."""
    steps = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
    return next((step for step in steps if value <= step), 1.0)


def _ticks(size: int) -> list[int]:
    """Return 1, the last one, and a few between them."""
    if size <= 4:
        return list(range(1, size + 1))
    return sorted({1, *(round(size * share) for share in (0.25, 0.5, 0.75)), size})


def _bar(figure: Figure, mesh: Any, place: tuple[float, float, float], top: float) -> None:
    left, bottom, height = place
    panel = style.add_panel(figure, left, bottom, 0.09, height)
    bar = figure.colorbar(mesh, cax=panel, ticks=[0, top / 2, top], format="%.3g")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=style.SMALL, labelcolor=style.MUTED, pad=2)
    bar.ax.set_title("φ", fontsize=style.TEXT, color=style.MUTED, pad=4)
