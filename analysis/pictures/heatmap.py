"""The picture of the AdaLoRA paper: which rank each matrix kept, layer by matrix type."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..table import RankTable, rank_table
from . import style

CELL_WIDTH, CELL_HEIGHT, HEADER = 0.30, 0.27, 0.20


def rank_heatmap(
    ranks: Mapping[str, float],
    *,
    initial: int | None = None,
    title: str = "Rank of each adapted matrix",
) -> Figure:
    """Draw the rank of every matrix as a table of coloured numbers, with the mean of each row and column.

    The line below the title holds the sum of all ranks, which is the budget.

    Args:
        ranks: rank by module name, as ``AdaLoRAController.ranks()`` returns it, or a mean of several runs.
        initial: rank that every matrix started with; the colours then run from 0 to it. Without it they
            run to the highest rank.
        title: title of the picture.

    Raises:
        ConfigError: ``ranks`` is empty.
    """
    table = rank_table(ranks)
    rows, columns = table.values.shape
    width, height = CELL_WIDTH * columns, CELL_HEIGHT * rows
    left = style.MARGIN + style.text_width(*table.types, "matrix type") + style.GAP
    figure = style.new_figure(
        left + width + 0.45, style.FOOT + height + HEADER + style.HEADLINE, title, _facts(ranks, initial)
    )
    axes = style.add_panel(figure, left, style.FOOT, width, height)
    top = max(initial or 0, *ranks.values(), 1)
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(table.values),
        cmap=style.RANK_COLOURS,
        vmin=0,
        vmax=top,
        edgecolors="white",
        linewidth=1.5,
    )
    _write_numbers(axes, table, mesh)
    _write_means(axes, table)
    _name_rows_and_columns(axes, table)
    return figure


def _write_numbers(axes: Any, table: RankTable, mesh: Any) -> None:
    known = table.values[~np.isnan(table.values)]
    figures = 0 if (known == np.round(known)).all() else 1
    for (row, column), rank in np.ndenumerate(table.values):
        if not np.isnan(rank):
            colour = style.text_colour(mesh.to_rgba(rank))
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{rank:.{figures}f}",
                ha="center",
                va="center",
                fontsize=style.TEXT,
                color=colour,
            )


def _write_means(axes: Any, table: RankTable) -> None:
    columns = table.values.shape[1]
    quiet = {"va": "center", "fontsize": style.SMALL, "color": style.MUTED}
    for row, mean in enumerate(np.nanmean(table.values, axis=1)):
        axes.text(columns + 0.2, row + 0.5, f"{mean:.1f}", ha="left", **quiet)
    for column, mean in enumerate(np.nanmean(table.values, axis=0)):
        axes.text(column + 0.5, -0.35, f"{mean:.1f}", ha="center", **quiet)
    axes.text(columns + 0.2, -0.35, "mean", ha="left", **quiet)


def _name_rows_and_columns(axes: Any, table: RankTable) -> None:
    rows, columns = table.values.shape
    axes.invert_yaxis()
    axes.set_xticks(np.arange(columns) + 0.5, ["-" if n is None else str(n) for n in table.layers])
    axes.set_yticks(np.arange(rows) + 0.5, table.types)
    axes.set_xlabel("layer")
    axes.set_ylabel("matrix type", rotation=0, ha="right", va="center")
    axes.yaxis.set_label_coords(-style.GAP / 2, -0.35, transform=axes.transData)


def _facts(ranks: Mapping[str, float], initial: int | None) -> str:
    total, matrices = sum(ranks.values()), len(ranks)
    kept = f"{total:.0f}" if total == round(total) else f"{total:.1f}"
    before = f" of {initial * matrices}" if initial else ""
    return f"{kept}{before} triplets in {matrices} matrices, {total / matrices:.1f} on average"
