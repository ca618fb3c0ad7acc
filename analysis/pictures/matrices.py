"""Pictures of one run's matrices: spectra and amplification."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from adalora import ConfigError

from ..matrices import MatrixNumbers
from . import style

WIDTH, HEIGHT, SPACE = 3.0, 1.5, 0.75
ROW, TALLEST = 0.15, 9.5  # height of a bar, and of all of them


def spectrum_curves(
    numbers: Sequence[MatrixNumbers], *, title: str = "Singular values of the updates"
) -> Figure:
    """Draw the singular values of every ΔW, and the share of its energy in the first i of them.

    A line for each matrix, in the colour of its type; the thick one is the type's mean.

    Args:
        numbers: from `analysis.measure`.
        title: of the picture.

    Raises:
        ConfigError: no matrix has an update that is not zero.
    """
    living = [one for one in numbers if len(one.spectrum.sigma)]
    if not living:
        raise ConfigError("numbers has no update that is not zero; allowed: at least one.")
    types = list(dict.fromkeys(one.record.type for one in living))
    left = style.MARGIN + 0.55
    names = 0.15 * math.ceil(len(types) / 2) + 0.12
    height = style.FOOT + names + HEIGHT + 0.15 + style.HEADLINE
    stable = np.mean([one.spectrum.stable_rank for one in living])
    facts = f"{len(living)} matrices; stable rank {stable:.1f} on average"
    figure = style.new_figure(left + 2 * WIDTH + SPACE + 0.2, height, title, facts)
    bottom = style.FOOT + names
    upper = style.add_panel(figure, left, bottom, WIDTH, HEIGHT)
    lower = style.add_panel(figure, left + WIDTH + SPACE, bottom, WIDTH, HEIGHT)
    for number, kind in enumerate(types):
        members = [one.spectrum for one in living if one.record.type == kind]
        colour = style.series_colour(number)
        _lines(upper, [one.sigma for one in members], colour, kind)
        _lines(lower, [one.energy for one in members], colour, kind, fill=1.0)
    upper.set_yscale("log")
    upper.set_ylabel("singular value")
    lower.set_ylim(0, 1.03)
    lower.set_ylabel("share of energy")
    for axes in (upper, lower):
        axes.set_xlabel("number of directions", labelpad=1)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.spines[["left", "bottom"]].set(visible=True, color=style.RULE)
    handles = upper.get_legend_handles_labels()
    figure.legend(
        *handles,
        loc="lower left",
        bbox_to_anchor=(style.MARGIN / figure.get_size_inches()[0], 0.02),
        ncols=max(1, min(2, len(types))),
        frameon=False,
        fontsize=style.SMALL,
        labelcolor=style.MUTED,
    )
    return figure


def _lines(axes: Any, values: Sequence[Any], colour: str, label: str, fill: float = np.nan) -> None:
    longest = max(len(one) for one in values)
    table = np.full((len(values), longest), fill)
    for row, one in zip(table, values, strict=True):
        row[: len(one)] = one
    steps = np.arange(1, longest + 1)
    for one in values:
        axes.plot(np.arange(1, len(one) + 1), one, color=colour, linewidth=0.5, alpha=0.35)
    axes.plot(steps, np.nanmean(table, axis=0), color=colour, linewidth=1.8, label=label)
    axes.set_xlim(1, max(longest, axes.get_xlim()[1], 2))


def amplification_bars(
    numbers: Sequence[MatrixNumbers], *, title: str = "What the updates amplify"
) -> Figure:
    """Draw the amplification factor of every matrix, and what random directions would give.

    Args:
        numbers: from `analysis.measure`; those without W₀ are left out.
        title: of the picture.

    Raises:
        ConfigError: no matrix has both W₀ and an update that is not zero.
    """
    found = [one for one in numbers if one.against_base is not None]
    if not found:
        raise ConfigError("numbers has no matrix with a pretrained weight; allowed: at least one.")
    row = min(ROW, TALLEST / len(found))
    bars = _Bars(found)
    left = style.MARGIN + style.text_width(*bars.types) + 0.42
    height = row * (bars.places[-1] + 1)
    facts = f"‖ΔW‖ / ‖UᵀW0V‖ with the singular vectors of ΔW; median {np.median(bars.factors):.1f}"
    figure = style.new_figure(left + WIDTH + 0.4, style.FOOT + height + style.HEADLINE, title, facts)
    axes = style.add_panel(figure, left, style.FOOT, WIDTH, height)
    axes.barh(bars.places, bars.factors, height=0.78, color=bars.colours)
    axes.set_ylim(bars.places[-1] + 0.6, -0.6)
    axes.set_xlim(0, 1.12 * max(*bars.factors, 0.1))
    axes.axvline(1, color=style.RULE, linewidth=1, zorder=0)
    axes.set_xlabel("amplification factor")
    every = math.ceil(ROW / row)  # of many bars only some are named, so that the names can be read
    axes.set_yticks(bars.places[::every], bars.layers[::every])
    axes.tick_params(axis="y", labelsize=style.SMALL, labelcolor=style.MUTED)
    if every == 1:
        for place, value in zip(bars.places, bars.factors, strict=True):
            axes.text(value, place, f" {value:.1f}", va="center", fontsize=style.SMALL, color=style.MUTED)
    for kind, middle in bars.types.items():
        name = {"ha": "right", "va": "center", "fontsize": style.TEXT, "color": style.INK}
        axes.text(-0.28 / WIDTH, middle, kind, transform=axes.get_yaxis_transform(), **name)
    return figure


class _Bars:
    """Where the bars stand: grouped by type, in module order, with a gap between the groups."""

    def __init__(self, found: Sequence[MatrixNumbers]) -> None:
        self.places: list[float] = []
        self.factors: list[float] = []
        self.colours: list[str] = []
        self.layers: list[str] = []
        self.types: dict[str, float] = {}
        for number, kind in enumerate(dict.fromkeys(one.record.type for one in found)):
            begin = self.places[-1] + 1.8 if self.places else 0.0
            members = [one for one in found if one.record.type == kind]
            self.places += [begin + place for place in range(len(members))]
            self.colours += [style.series_colour(number)] * len(members)
            self.layers += ["-" if one.record.layer is None else str(one.record.layer) for one in members]
            self.factors += [one.against_base.amplification.factor for one in members if one.against_base]
            self.types[kind] = begin + (len(members) - 1) / 2
