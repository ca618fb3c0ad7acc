"""How the rank of every matrix came about: matrices by steps."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from adalora import Allocation
from adalora.locate import Place, locate
from schedulers import Schedule

from . import style
from .totals import kept_totals

WIDTH, ROW_HEIGHT, TALLEST, HEADER = 3.2, 0.125, 9.5, 0.2


def rank_evolution(
    history: Sequence[Allocation],
    schedule: Schedule | None = None,
    *,
    title: str = "How each matrix came to its rank",
) -> Figure:
    """Draw the rank of every matrix over the run: a row for each matrix, its colour the rank at each step.

    The rows are grouped by matrix type and run from the first layer to the last. The final rank stands at
    the end of each row, unless there are too many rows to read it.

    Args:
        history: ``AdaLoRAController.history``.
        schedule: if given, the picture ends at its last step; otherwise soon after the last update.
        title: title of the picture.

    Raises:
        ConfigError: ``history`` is empty.
    """
    totals = kept_totals(history)
    rows = _rows(history)
    places = [place for _, place in rows]
    ranks = np.array([[allocation.ranks[name] for allocation in history] for name, _ in rows])

    row_height = min(ROW_HEIGHT, TALLEST / len(rows))
    height = row_height * len(rows)
    left = style.MARGIN + style.text_width("layer", *(place.type for place in places)) + 0.4
    size = (left + WIDTH + 0.4, style.FOOT + height + HEADER + style.HEADLINE)
    figure = style.new_figure(*size, title, _facts(history, totals))
    axes = style.add_panel(figure, left, style.FOOT, WIDTH, height)
    axes.set_ylim(len(rows), 0)
    axes.set_xlabel("optimizer step")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    edges = (_edges(history, schedule), np.arange(len(rows) + 1))
    top = max(1, int(ranks.max()))
    mesh = axes.pcolormesh(*edges, ranks, cmap=style.RANK_COLOURS, vmin=0, vmax=top, rasterized=True)
    _name_rows(axes, places, every=math.ceil(ROW_HEIGHT / row_height))
    if row_height == ROW_HEIGHT:
        _write_final_ranks(axes, ranks[:, -1])
    _rank_bar(figure, mesh, (left + WIDTH - 1.25, style.FOOT + height + 0.08), top)
    return figure


def _rows(history: Sequence[Allocation]) -> list[tuple[str, Place]]:
    """Return names and places, grouped by type in module order, then by layer."""
    places = locate(history[0].ranks)
    types = list(dict.fromkeys(place.type for place in places.values()))
    return sorted(places.items(), key=lambda row: (types.index(row[1].type), row[1].layer or 0))


def _edges(history: Sequence[Allocation], schedule: Schedule | None) -> NDArray[np.int64]:
    """Return the step from which each row of the history holds, and the step at which the picture ends."""
    steps = [allocation.step for allocation in history]
    gap = steps[-1] - steps[-2] if len(steps) > 1 else 1
    end = max(steps[-1] + gap, schedule.total_steps if schedule else 0)
    return np.array([*steps, end])


def _name_rows(axes: Any, places: list[Place], every: int) -> None:
    ticks: list[int] = []
    first = 0
    for kind, members in groupby(places, key=lambda place: place.type):
        size = len(list(members))
        name = {"ha": "right", "va": "center", "fontsize": style.TEXT, "color": style.INK}
        axes.text(-0.27 / WIDTH, first + size / 2, kind, transform=axes.get_yaxis_transform(), **name)
        axes.axhline(first, color="white", linewidth=2.5 / every)
        ticks += range(first, first + size, every)
        first += size
    layers = [places[tick].layer for tick in ticks]
    axes.set_yticks(np.array(ticks) + 0.5, ["-" if layer is None else str(layer) for layer in layers])
    _header(axes, "layer", -style.GAP / 2 / WIDTH, "right")
    axes.tick_params(axis="y", labelsize=style.SMALL, labelcolor=style.MUTED)


def _write_final_ranks(axes: Any, final: NDArray[np.int64]) -> None:
    small = {"fontsize": style.SMALL, "color": style.MUTED, "transform": axes.get_yaxis_transform()}
    for row, rank in enumerate(final):
        axes.text(1.02, row + 0.5, str(rank), va="center_baseline", **small)
    _header(axes, "final", 1.02, "left")


def _header(axes: Any, word: str, x: float, side: str) -> None:
    small = {"fontsize": style.SMALL, "color": style.MUTED, "ha": side, "va": "bottom"}
    axes.annotate(word, (x, 1), xytext=(0, 4), xycoords="axes fraction", textcoords="offset points", **small)


def _rank_bar(figure: Figure, mesh: Any, corner: tuple[float, float], top: int) -> None:
    """Draw the scale of the colours above the picture: 0, a slim bar, the highest rank."""
    panel = style.add_panel(figure, *corner, 1.0, 0.08)
    bar = figure.colorbar(mesh, cax=panel, orientation="horizontal", ticks=[])
    bar.outline.set_visible(False)
    small = {"va": "center", "fontsize": style.SMALL, "color": style.MUTED, "transform": panel.transAxes}
    panel.text(-0.05, 0.5, "rank 0", ha="right", **small)
    panel.text(1.05, 0.5, str(top), ha="left", **small)


def _facts(history: Sequence[Allocation], totals: list[int]) -> str:
    last, matrices = history[-1], len(history[0].ranks)
    return f"{totals[0]} triplets at step 0, {totals[-1]} after step {last.step}, in {matrices} matrices"
