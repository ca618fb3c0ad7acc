"""Learning curves: loss, and validation scores where a run looks at them, over the steps."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.pictures import style

from .layout import Layout
from .lines import Line, called, told
from .panels import panels, shortened
from .scores import mean_of
from .words import lower_is_better, points

MOST = 7  # as many as there are colours
_LOSS = "loss"


def curves(lines: Sequence[Line], layout: Layout, settings: Sequence[str]) -> tuple[Figure | None, int]:
    """Draw the curves of the entries of one task: means over the seeds, shaded by one standard deviation.

    Args:
        lines: the entries, of one task and model.
        layout: says what is called what.
        settings: that tell the entries apart.

    Returns:
        The figure, None where no result has a log; and how many entries it leaves out, the worst ones.
    """
    found = [line for line in lines if _curve(line, _LOSS)]
    shown = _best(found, layout)
    if not shown:
        return None, 0
    names = [told(line, settings, layout) for line in shown]
    watched = f"validation_{shown[0].headline}"
    kinds = [_LOSS, *([watched] if any(_curve(line, watched) for line in shown) else [])]
    task = shortened(shown[0].label("task", layout))
    heads = {_LOSS: "training loss", watched: f"{called(shown[0].headline, layout)}, validation"}
    facts = "mean over seeds, shaded by one standard deviation"
    figure, axes = panels([heads[kind] for kind in kinds], names, f"Learning curves, {task}", facts)
    for panel, kind in zip(axes, kinds, strict=True):
        factor = 1 if kind == _LOSS else points(shown[0].headline)
        for number, line in enumerate(shown):
            _draw(panel, _curve(line, kind), factor, style.series_colour(number))
        panel.set_xlabel("step", labelpad=1)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure, len(found) - len(shown)


def _best(lines: Sequence[Line], layout: Layout) -> list[Line]:
    """Return those with the best scores, as many as a picture can tell apart, in their own order."""
    if len(lines) <= MOST:
        return list(lines)

    def key(line: Line) -> float:
        metric = layout.metrics[0] if layout.metrics else line.headline
        mean = mean_of(line, metric, layout.part[0])
        if mean is None:
            return float("inf")
        return mean if lower_is_better(metric) else -mean

    best = sorted(lines, key=key)[:MOST]
    return [line for line in lines if any(line is one for one in best)]


def _curve(line: Line, name: str) -> Mapping[int, list[float]]:
    """Return a logged number by step, a value for each seed; steps that not all seeds have are left out."""
    logs = [
        {int(row["step"]): float(row[name]) for row in result["log"] if row.get(name) is not None}
        for result in line.outcome.results.values()
        if result.get("log")
    ]
    logs = [log for log in logs if log]
    steps = sorted(set.intersection(*map(set, logs))) if logs else []
    return {step: [log[step] for log in logs] for step in steps}


def _draw(panel: Any, curve: Mapping[int, list[float]], factor: int, colour: str) -> None:
    if not curve:
        return
    steps = list(curve)
    means = [factor * fmean(values) for values in curve.values()]
    spreads = [factor * stdev(values) if len(values) > 1 else 0.0 for values in curve.values()]
    low, high = ([m + sign * s for m, s in zip(means, spreads, strict=True)] for sign in (-1, 1))
    panel.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
    panel.plot(steps, means, color=colour, linewidth=1.3, marker="o" if len(steps) == 1 else "", markersize=3)
