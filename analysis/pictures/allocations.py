"""Pictures of allocations: over time, their scores, and between seeds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from adalora import Allocation, ConfigError
from adalora.locate import locate

from ..allocation import Stability, TripletRow
from ..table import rank_table
from . import style
from .totals import kept_totals

_FRAMES = 6


def rank_strip(history: Sequence[Allocation], *, title: str = "The ranks over the run") -> Figure:
    """Draw the table of ranks at a few steps, side by side, as a film on paper.

    Args:
        history: ``AdaLoRAController.history``.
        title: of the picture.

    Raises:
        ConfigError: ``history`` is empty.
    """
    totals = kept_totals(history)
    places = np.unique(np.linspace(0, len(history) - 1, min(_FRAMES, len(history))).round().astype(int))
    tables = [rank_table(history[place].ranks) for place in places]
    types, layers = tables[0].types, tables[0].layers
    cell = min(0.13, 1.6 / len(layers))
    width, height = cell * len(layers), 0.15 * len(types)
    left = style.MARGIN + style.text_width(*types, size=style.SMALL) + style.GAP
    step = max(width, 0.55) + 0.12
    facts = f"{totals[0]} triplets at first, {totals[-1]} in the end; columns are layers"
    figure = style.new_figure(left + step * len(places) + 0.1, height + 0.95 + 0.1, title, facts)
    top = max(1, *(int(np.nanmax(table.values)) for table in tables))
    for column, (place, table) in enumerate(zip(places, tables, strict=True)):
        axes = style.add_panel(figure, left + column * step, 0.3, width, height)
        axes.pcolormesh(
            np.ma.masked_invalid(table.values), cmap=style.RANK_COLOURS, vmin=0, vmax=top, rasterized=True
        )
        axes.set_ylim(len(types), 0)
        axes.set_xticks([])
        axes.set_yticks(np.arange(len(types)) + 0.5, types if column == 0 else [""] * len(types))
        axes.tick_params(axis="y", labelsize=style.SMALL)
        axes.set_xlabel(f"step {history[place].step}\n{totals[place]}", fontsize=style.SMALL, labelpad=2)
    return figure


def score_distributions(rows: Sequence[TripletRow], *, title: str = "Scores at each budget update") -> Figure:
    """Draw the quantiles of all triplets' scores over the run, and the lowest that was kept.

    Args:
        rows: scores and decisions at each update.
        title: of the picture.

    Raises:
        ConfigError: ``rows`` is empty, or no score is above zero.
    """
    if not rows:
        raise ConfigError("rows is empty; allowed: at least one budget update.")
    scores = [np.concatenate(list(row.scores.values())) for row in rows]
    positive = [values[values > 0] for values in scores]
    if not any(len(values) for values in positive):
        raise ConfigError("rows has no score above zero; allowed: scores of a run that has trained.")
    alive = [np.concatenate(list(row.alive.values())).astype(bool) for row in rows]
    steps = np.array([row.step for row in rows])
    keep = np.array([len(values) > 0 for values in positive])
    levels = np.array(
        [np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95)) for values in positive if len(values)]
    )
    left = style.MARGIN + 0.65
    facts = f"{len(scores[0])} triplets; bands: a half and nine tenths of them"
    figure = style.new_figure(left + 3.3 + 0.25, style.FOOT + 1.8 + style.HEADLINE, title, facts)
    axes = style.add_panel(figure, left, style.FOOT, 3.3, 1.8)
    axes.fill_between(steps[keep], levels[:, 0], levels[:, 4], color=style.SHADE, linewidth=0)
    axes.fill_between(steps[keep], levels[:, 1], levels[:, 3], color=style.PALE, linewidth=0)
    axes.plot(steps[keep], levels[:, 2], color=style.ACCENT, linewidth=1.5, label="median")
    lowest = [values[on].min() if on.any() else np.nan for values, on in zip(scores, alive, strict=True)]
    axes.plot(steps, lowest, "o-", color=style.CONTRAST, linewidth=1, markersize=2, label="lowest kept")
    axes.set_yscale("log")
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("score S")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.spines[["left", "bottom"]].set(visible=True, color=style.RULE)
    axes.legend(frameon=False, fontsize=style.SMALL, labelcolor=style.MUTED)
    return figure


def seed_stability(found: Stability, labels: Sequence[str], *, title: str = "Ranks over the seeds") -> Figure:
    """Draw the mean rank of every matrix over several runs, with its standard deviation below it.

    Args:
        found: from `analysis.stability`.
        labels: what the runs are called, for the line of facts.
        title: of the picture.
    """
    places = locate(found.modules)
    types = list(dict.fromkeys(place.type for place in places.values()))
    layers = sorted({place.layer for place in places.values()}, key=lambda n: (n is None, n))
    mean, sd = (np.full((len(types), len(layers)), np.nan) for _ in range(2))
    for module, average, spread in zip(found.modules, found.mean, found.sd, strict=True):
        at = types.index(places[module].type), layers.index(places[module].layer)
        mean[at], sd[at] = average, spread
    cell = 0.36 if len(layers) <= 16 else 0.3
    width, height = cell * len(layers), 0.33 * len(types)
    left = style.MARGIN + style.text_width(*types) + style.GAP
    size = (left + width + 0.2, style.FOOT + height + style.HEADLINE)
    figure = style.new_figure(*size, title, _facts(found, labels))
    axes = style.add_panel(figure, left, style.FOOT, width, height)
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(mean),
        cmap=style.RANK_COLOURS,
        vmin=0,
        vmax=max(1.0, float(np.nanmax(mean))),
        edgecolors="white",
        linewidth=1.5,
    )
    _write(axes, mean, sd, mesh)
    axes.set_ylim(len(types), 0)
    axes.set_xticks(np.arange(len(layers)) + 0.5, ["-" if n is None else str(n) for n in layers])
    axes.set_yticks(np.arange(len(types)) + 0.5, types)
    axes.set_xlabel("layer")
    return figure


def _write(axes: Any, mean: Any, sd: Any, mesh: Any) -> None:
    for (row, column), value in np.ndenumerate(mean):
        if not np.isnan(value):
            colour = style.text_colour(mesh.to_rgba(value))
            look = {"ha": "center", "color": colour}
            axes.text(column + 0.5, row + 0.42, f"{value:.1f}", va="center", fontsize=style.SMALL, **look)
            axes.text(column + 0.5, row + 0.76, f"±{sd[row, column]:.1f}", va="center", fontsize=5.5, **look)


def _facts(found: Stability, labels: Sequence[str]) -> str:
    pairs = np.triu_indices(len(labels), 1)
    tau = found.tau[pairs]
    words = f"{len(labels)} runs, mean ± sd; L1 {found.l1[pairs].mean():.0f} on average"
    return f"{words}, Kendall's τ {np.nanmean(tau):.2f}" if not np.isnan(tau).all() else words
