"""How the budget fell: the schedule, what was kept, and the score that it took to be kept."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from adalora import Allocation
from schedulers import Schedule

from . import style
from .totals import kept_totals

WIDTH, TALL, LOW, SPACE, NAMES = 3.3, 1.6, 0.8, 0.18, 0.18


def budget_curve(
    history: Sequence[Allocation],
    schedule: Schedule | None = None,
    *,
    title: str = "Budget and threshold",
) -> Figure:
    """Draw the triplets kept over the run, and below them the lowest score that was kept.

    Args:
        history: ``AdaLoRAController.history``.
        schedule: if given, its curve b(t) is drawn and its three phases are shaded and named. Where it counts
            parameters, it is drawn as so many triplets of the average size.
        title: title of the picture.

    Raises:
        ConfigError: ``history`` is empty.
    """
    kept = kept_totals(history)
    left = style.MARGIN + 0.65
    base = style.FOOT + LOW + SPACE
    figure = style.new_figure(left + WIDTH + 0.25, base + TALL + NAMES + style.HEADLINE, title, _facts(kept))
    upper = style.add_panel(figure, left, base, WIDTH, TALL)
    lower = style.add_panel(figure, left, style.FOOT, WIDTH, LOW)
    last = schedule.total_steps if schedule else max(history[-1].step, 1)
    for axes in (upper, lower):
        axes.set_xlim(0, last)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.spines[["left", "bottom"]].set(visible=True, color=style.RULE)
    _draw_budget(upper, [row.step for row in history], kept, schedule)
    _draw_threshold(lower, history)
    if schedule:
        _shade_phases((upper, lower), schedule)
    return figure


def _draw_budget(axes: Any, steps: list[int], kept: list[int], schedule: Schedule | None) -> None:
    if schedule:
        size = schedule.initial / max(kept[0], 1)
        curve = [schedule.budget(step) / size for step in range(schedule.total_steps + 1)]
        axes.plot(curve, color=style.PALE, linewidth=4, solid_capstyle="butt", label="schedule")
    axes.plot(steps, kept, "o", color=style.ACCENT, markersize=2.5, clip_on=False, label="kept")
    axes.set_ylim(0, 1.08 * max(*kept, 1))
    axes.set_yticks(sorted({0, kept[0], kept[-1]}))
    axes.tick_params(labelbottom=False)
    axes.set_ylabel("triplets")
    axes.legend(loc="lower left", frameon=False, fontsize=style.SMALL, labelcolor=style.MUTED)


def _draw_threshold(axes: Any, history: Sequence[Allocation]) -> None:
    points = [(row.step, row.threshold) for row in history if row.threshold is not None]
    scores = [score for _, score in points]
    axes.plot([step for step, _ in points], scores, "o-", color=style.CONTRAST, linewidth=1, markersize=2)
    if scores and min(scores) > 0:
        axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    ends = sorted({min(scores), max(scores)}) if scores else []
    axes.set_yticks(ends, [f"{score:.1e}" for score in ends])
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("threshold")


def _shade_phases(panels: Sequence[Any], schedule: Schedule) -> None:
    total, stop = schedule.total_steps, schedule.total_steps - schedule.final_steps
    for name, begin, end in (
        ("warm-up", 0, schedule.warmup_steps),
        ("pruning", schedule.warmup_steps, stop),
        ("final", stop, total),
    ):
        if name != "pruning":
            for axes in panels:
                axes.axvspan(begin, end, color=style.SHADE, linewidth=0, zorder=0)
        # The outer names may run past the edge of the picture; the middle one would run into them.
        needed = 2.2 * style.text_width(name) if name == "pruning" else 0
        if WIDTH * (end - begin) / total > needed:
            place = {"ha": "center", "va": "bottom", "transform": panels[0].get_xaxis_transform()}
            panels[0].text((begin + end) / 2, 1.02, name, fontsize=style.SMALL, color=style.MUTED, **place)


def _facts(kept: list[int]) -> str:
    return f"from {kept[0]} to {kept[-1]} triplets in {len(kept) - 1} updates; threshold: lowest score kept"
