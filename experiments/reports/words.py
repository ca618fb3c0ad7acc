"""Values and numbers as a report writes them."""

from collections.abc import Mapping
from typing import Any

from ..metrics import LOWER_IS_BETTER

NONE = "–"
_TIMES, _PLUS_MINUS = 100, " ± "
# These have no 100 %; shares and correlations stand in hundredths, as the papers have them.
_PLAIN: Mapping[str, int] = {"loss": 3, "nist": 2, "cider": 2}


def written(value: Any) -> str:
    """Return a setting as a YAML file says it, without quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {written(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def last(name: str) -> str:
    """Return what a setting is called for short: ``adapter.target_modules`` -> ``target modules``."""
    return name.rpartition(".")[2].replace("_", " ")


def points(metric: str) -> int:
    """Return the factor by which a metric is written: 100 for shares and correlations, else 1."""
    return 1 if metric in _PLAIN else _TIMES


def lower_is_better(metric: str) -> bool:
    """Say whether the lowest number of a metric is the best."""
    return metric in LOWER_IS_BETTER


def number(metric: str, value: float) -> str:
    """Return a metric as a table writes it: ``87.5`` for a share, ``1.234`` for a loss."""
    return f"{points(metric) * value:.{_PLAIN.get(metric, 1)}f}"


def spread(metric: str, mean: float, sd: float | None) -> str:
    """Return a mean with its standard deviation, if it has one."""
    return number(metric, mean) if sd is None else number(metric, mean) + _PLUS_MINUS + number(metric, sd)


def difference(metric: str, value: float) -> str:
    """Return a difference of a metric with its sign, to one figure more than the metric."""
    figures = _PLAIN.get(metric, 1) + 1
    # Nothing is added to what rounds to a negative nothing, so that it has no minus.
    return f"{round(points(metric) * value, figures) + 0.0:+.{figures}f}"


def millions(weights: float) -> str:
    """Return a number of weights in millions, ``0.30 M``; of very few three figures."""
    share = weights / 1e6
    return f"{share:,.2f} M" if share >= 0.1 or share == 0 else f"{share:.2g} M"


def chance(p: float | None) -> str:
    """Return a p value."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float) -> str:
    """Return seconds as ``45 s``, ``12 min`` or ``3.4 h``."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
