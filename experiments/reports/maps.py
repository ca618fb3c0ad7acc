"""Where the rank went: the mean final rank of every matrix, for entries whose rank adapts."""

from collections.abc import Sequence
from statistics import fmean

from matplotlib.figure import Figure

import analysis

from ..methods import METHODS
from .layout import Layout
from .lines import Line, told
from .panels import shortened

MOST = 6


def rank_maps(
    lines: Sequence[Line], layout: Layout, settings: Sequence[str]
) -> tuple[list[tuple[Line, Figure]], list[str]]:
    """Draw the mean rank over the seeds of every matrix, one picture for each entry.

    Args:
        lines: the entries; those of a fixed rank have no map.
        layout: says what is called what.
        settings: that tell the entries apart.

    Returns:
        Entries with their pictures; and the names of those left out, behind the first six.
    """
    adaptive = [line for line in lines if "allocation" not in METHODS[line.config.method].ignored]
    found = [(line, ranks) for line in adaptive if (ranks := mean_ranks(line))]
    maps = []
    for line, ranks in found[:MOST]:
        title = f"Mean rank over seeds: {shortened(told(line, settings, layout))}"
        maps.append((line, analysis.rank_heatmap(ranks, initial=line.config.adapter.rank, title=title)))
    return maps, [told(line, settings, layout) for line, _ in found[MOST:]]


def mean_ranks(line: Line) -> dict[str, float]:
    """Return the mean over the seeds of the rank of every matrix that all seeds have."""
    tables = [result["ranks"] for result in line.outcome.results.values() if result.get("ranks")]
    if not tables:
        return {}
    shared = [name for name in tables[0] if all(name in table for table in tables)]
    return {name: fmean(float(table[name]) for table in tables) for name in shared}
