"""Tables in Markdown, and numbers as they stand in them."""

from collections.abc import Mapping, Sequence
from math import isinf

from .aims import Range

MEBI = 2**20


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are set to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def ratio(summary: Mapping[str, float]) -> str:
    """Return a median with its quartiles, ``1.09 [1.08, 1.10]``."""
    return f"{summary['median']:.2f} [{summary['lower']:.2f}, {summary['upper']:.2f}]"


def milliseconds(summary: Mapping[str, float]) -> str:
    """Return a median of seconds as milliseconds with three figures."""
    value = 1e3 * summary["median"]
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def mebibytes(number: float) -> str:
    """Return bytes in MiB."""
    return f"{number / MEBI:.1f}"


def percent(share: float) -> str:
    """Return a share of 1 in per cent, with two figures behind the point."""
    return f"{100 * share:.2f} %"


def figure(value: float, unit: str) -> str:
    """Return a number in a unit of `aims.Aim`."""
    shown: Mapping[str, str] = {
        "ratio": f"{value:.3g}",
        "share": f"{100 * value:.3g} %",
        "points": f"{value:.2f}",
    }
    return shown[unit]


def bounds(allowed: Range, unit: str) -> str:
    """Return a range in a unit of `aims.Aim`: ``≤ 1.12``, ``≥ 1.15``, ``0.98 to 1.02``."""
    low, high = allowed.low, allowed.high
    if isinf(low):
        return f"≤ {figure(high, unit)}"
    if isinf(high):
        return f"≥ {figure(low, unit)}"
    return figure(low, unit) if low == high else f"{figure(low, unit)} to {figure(high, unit)}"
