"""Measured numbers in short: the median, and the quartiles around it."""

from collections.abc import Mapping, Sequence
from statistics import median, quantiles

Summary = dict[str, float]


def summary(values: Sequence[float]) -> Summary:
    """Return ``median``, ``lower`` and ``upper`` quartile, and the number of values, ``n``."""
    lower, _, upper = quantiles(values, n=4, method="inclusive") if len(values) > 1 else 3 * list(values)
    return {"median": median(values), "lower": lower, "upper": upper, "n": len(values)}


def ratios(times: Mapping[str, Sequence[float]], to: str) -> dict[str, Summary]:
    """Return, for all others, the summary of the ratio in each round to the one called ``to``.

    The two times of a ratio lie within one round, so what slows the machine down for a while slows both.

    Args:
        times: seconds by name, one for each round.
        to: name of the divisor.
    """
    return {
        name: summary([one / base for one, base in zip(own, times[to], strict=True)])
        for name, own in times.items()
        if name != to
    }
