"""The picture of the benchmark: what a training step costs, over the floor."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.pictures import style

from .contestants import CONTESTANTS

WIDTH, ROW, SPACE, NAMES = 1.9, 0.22, 0.28, 0.2

# Besides the colour every row has its name, and ours are filled.
_LOOKS: Mapping[str, Mapping[str, Any]] = {
    "full": {"color": style.MUTED, "markerfacecolor": "white"},
    "peft_lora": {"color": style.CONTRAST, "markerfacecolor": "white"},
    "peft_adalora": {"color": style.CONTRAST, "markerfacecolor": "white"},
}
_NUMBER: Mapping[str, Any] = {"fontsize": style.SMALL, "color": style.MUTED}
_NAME: Mapping[str, Any] = {"fontsize": style.TEXT, "color": style.INK}
_OURS: Mapping[str, Any] = {"color": style.ACCENT, "markerfacecolor": style.ACCENT}


def ratios_over_the_floor(record: Mapping[str, Any]) -> Figure | None:
    """Draw the ratio of every contestant's step to the floor: a panel a case, the median with its quartiles.

    Args:
        record: what ``bench.json`` holds.

    Returns:
        None where no steps were timed.
    """
    cases = record["sections"].get("steps")
    if not cases:
        return None
    names = list(next(iter(cases.values()))["ratios"])
    labels = [CONTESTANTS[name].label for name in names]
    left = style.MARGIN + style.text_width(*labels) + 0.12
    height = ROW * len(names)
    size = (
        left + len(cases) * (WIDTH + SPACE),
        style.FOOT + height + NAMES + style.HEADLINE,
    )
    figure = style.new_figure(*size, "A training step, over the frozen model's", _facts(record))
    highest = max(one["upper"] for found in cases.values() for one in found["ratios"].values())
    for index, (case, found) in enumerate(cases.items()):
        axes = style.add_panel(figure, left + index * (WIDTH + SPACE), style.FOOT, WIDTH, height)
        _draw(axes, case, found["ratios"], max(highest, 1.1))
        axes.set_yticks(range(len(names)), labels if index == 0 else [])
    return figure


def _draw(axes: Any, case: str, ratios: Mapping[str, Mapping[str, float]], highest: float) -> None:
    axes.axvline(1, color=style.RULE, linewidth=1)
    for row, (name, found) in enumerate(ratios.items()):
        look = _LOOKS.get(name, _OURS)
        axes.plot([found["lower"], found["upper"]], [row, row], color=look["color"], linewidth=2)
        axes.plot(found["median"], row, "o", markersize=4.5, **look)
        _write(axes, f"{found['median']:.2f}", (found["upper"], row), (6, 0), **_NUMBER)
    # Room for the number behind the last dot; and the same scale in all panels.
    axes.set_xlim(1 - 0.06 * (highest - 1), 1 + 1.25 * (highest - 1))
    axes.set_ylim(len(ratios) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.spines["bottom"].set(visible=True, color=style.RULE)
    axes.set_xlabel("ratio")
    _write(axes, case, (1, -0.5), (0, 8), **_NAME)


def _write(axes: Any, text: str, at: tuple[float, float], off: tuple[float, float], **look: Any) -> None:
    """Write a text, ``off`` points right of and above a place in the numbers of the axes."""
    axes.annotate(text, at, xytext=off, textcoords="offset points", va="center_baseline", **look)


def _facts(record: Mapping[str, Any]) -> str:
    settings, machine = record["settings"], record["versions"]["machine"]
    return (
        f"median and quartiles of {settings['rounds']} interleaved rounds; rank {settings['rank']} to "
        f"{settings['target_rank']}, {settings['dtype']}, {settings['device']}, threads: {machine['threads']}"
    )
