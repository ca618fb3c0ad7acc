"""Score against trained parameters, as LoRA's Figure 2 draws it."""

from collections.abc import Sequence
from statistics import stdev
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from analysis.pictures import style

from ..methods import METHODS
from .layout import Layout
from .lines import Line, called, told
from .panels import panels
from .scores import mean_of
from .words import points

_MARKERS = "osD^vP"  # not as many as colours, so that a pair comes again after 42 methods


def tradeoff(lines: Sequence[Line], layout: Layout) -> Figure | None:
    """Draw the headline, or the first metric shown, against trained weights; a panel for each task and model.

    Args:
        lines: the entries.
        layout: says which metric, on which part.

    Returns:
        The figure; None where trained weights vary on no task.
    """
    grounds: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        metric = _metric(line, layout)
        if line.mean("trained") and mean_of(line, metric, layout.part[0]) is not None:
            grounds.setdefault(line.ground, []).append(line)
    grounds = {key: some for key, some in grounds.items() if len({one.mean("trained") for one in some}) > 1}
    if not grounds:
        return None
    names = dict.fromkeys(METHODS[line.config.method].label for some in grounds.values() for line in some)
    methods = list(names)
    varies = tuple(name for place, name in enumerate(("task", "model"))
                   if len({key[place] for key in grounds}) > 1)  # fmt: skip
    titles = [told(some[0], varies or ("task",), layout) for some in grounds.values()]
    facts = "mean over seeds, bars one standard deviation"
    figure, axes = panels(titles, methods, "Score against trained parameters", facts, _MARKERS)
    for panel, some in zip(axes, grounds.values(), strict=True):
        for number, method in enumerate(methods):
            members = [one for one in some if METHODS[one.config.method].label == method]
            _series(panel, members, layout, number)
        _axes(panel, some, layout)
    return figure


def _metric(line: Line, layout: Layout) -> str:
    return layout.metrics[0] if layout.metrics else line.headline


def _series(panel: Any, lines: Sequence[Line], layout: Layout, number: int) -> None:
    found = []
    for line in lines:
        metric = _metric(line, layout)
        values = [points(metric) * one for one in line.values(metric, layout.part[0]).values()]
        spread = stdev(values) if len(values) > 1 else 0.0
        found.append((line.mean("trained") or 0.0, sum(values) / len(values), spread))
    found.sort()
    across = [x for x, _, _ in found]
    joined = len(set(across)) == len(across)  # several scores at one size make no line
    panel.errorbar(
        across,
        [y for _, y, _ in found],
        yerr=[sd for *_, sd in found],
        marker=_MARKERS[number % len(_MARKERS)],
        linestyle="-" if joined else "",
        color=style.series_colour(number),
        markersize=4,
        linewidth=1,
        elinewidth=0.8,
        capsize=2,
    )


def _axes(panel: Any, lines: Sequence[Line], layout: Layout) -> None:
    sizes = [line.mean("trained") or 1.0 for line in lines]
    panel.set_xscale("log")
    panel.set_xlim(min(sizes) / 1.25, max(sizes) * 1.25)
    panel.xaxis.set_major_locator(_ticks(min(sizes), max(sizes)))
    panel.xaxis.set_major_formatter(FuncFormatter(_short))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.tick_params(which="both", length=0)
    panel.set_xlabel("trained parameters", labelpad=1)
    metric = _metric(lines[0], layout)
    panel.set_ylabel(called(metric, layout), labelpad=3)


def _ticks(low: float, high: float) -> Any:
    """Return where sizes are named: as densely as their names have room."""
    if high < 3 * low:
        return FixedLocator([low, high] if high > 1.15 * low else [high])
    return LogLocator(subs=(1.0, 2.0, 5.0) if high < 20 * low else (1.0, 3.0) if high < 60 * low else (1.0,))


def _short(value: float, _: Any = None) -> str:
    """Return a number of weights: ``20 k``, ``1.5 M``, ``2 G``."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"
