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
    """Return a measured number in a unit of `aims.Aim`."""
    return _UNITS[unit].format(_PER[unit] * value)


def bounds(allowed: Range, unit: str) -> str:
    """Return a range in a unit of `aims.Aim`: ``≤ 1.12``, ``≥ 1.15``, ``0.98 to 1.02``."""
    low, high = (_BOUNDS[unit].format(_PER[unit] * end) for end in (allowed.low, allowed.high))
    if isinf(allowed.low):
        return f"≤ {high}"
    if isinf(allowed.high):
        return f"≥ {low}"
    return low if low == high else f"{low} to {high}"


_PER: Mapping[str, float] = {"ratio": 1, "share": 100, "points": 1}
# What was measured has a figure more than what it is held against, so that a near miss shows.
_UNITS: Mapping[str, str] = {"ratio": "{:.3f}", "share": "{:.2f} %", "points": "{:.2f}"}
_BOUNDS: Mapping[str, str] = {"ratio": "{:.3g}", "share": "{:.3g} %", "points": "{:.2f}"}
