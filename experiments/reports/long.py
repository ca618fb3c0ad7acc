"""All numbers of a sweep, one row for each entry, metric and part: ``report.csv``."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from ..analyses.tables import Cell, Table
from ..metrics import LOSS
from ..sweeps.outcomes import mean_and_sd
from .lines import Line
from .words import written

_FIXED = ("entry", "task", "model", "method")
_NUMBERS = ("metric", "part", "runs", "wanted", "mean", "sd", "seeds", "values")
_RUN = ("trained", "steps", "seconds", "failures")


def long_table(lines: Sequence[Line], settings: Sequence[str], chosen: str) -> Table:
    """Return the table; an entry without results has one row, without metric.

    Numbers stand as they were measured, shares in [0, 1]; seeds and their values are joined by a space, in
    the same order.

    Args:
        lines: the entries.
        settings: those that vary, by full name.
        chosen: the setting that every entry chooses for itself; empty where there is none.
    """
    names = [name for name in (*settings, *([chosen] if chosen else [])) if name not in _FIXED]
    rows: list[tuple[Cell, ...]] = []
    for line in lines:
        config = line.config
        fixed = (line.name, config.task, config.model, config.method)
        changes = [_written(line.value(name)) for name in names]
        rows += [(*fixed, *changes, *numbers, *_run(line)) for numbers in _numbers(line)]
    return Table((*_FIXED, *names, *_NUMBERS, *_RUN), rows)


def _written(value: Any) -> Cell:
    return "" if value is None else written(value)


def _numbers(line: Line) -> Iterator[tuple[Cell, ...]]:
    found = list(_metrics(line))
    if not found:
        yield ("", "", 0, line.wanted, None, None, "", "")
    for metric, part, values in found:
        mean, sd = mean_and_sd(list(values.values())) if values else (None, None)
        seeds, numbers = (" ".join(map(str, some)) for some in (values, values.values()))
        yield (metric, part, len(values), line.wanted, mean, sd, seeds, numbers)


def _metrics(line: Line) -> Iterator[tuple[str, str, dict[int, float]]]:
    """Yield every metric on every part with its finite values by seed, and the losses."""
    results = line.outcome.results.values()
    for part in line.parts():
        for metric in dict.fromkeys(name for one in results for name in one["scores"].get(part, {})):
            found = {
                seed: one["scores"].get(part, {}).get(metric) for seed, one in line.outcome.results.items()
            }
            yield metric, part, {seed: v for seed, v in found.items() if v is not None and isfinite(v)}
    for part in dict.fromkeys(part for one in results for part in one.get("losses", {})):
        yield LOSS, part, line.outcome.losses(part)


def _run(line: Line) -> tuple[Cell, ...]:
    means = (line.mean(name) for name in ("trained", "steps", "seconds"))
    return (*means, "; ".join(line.outcome.failures))
