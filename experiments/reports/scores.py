"""The cells with scores: mean and spread over seeds, and which of them is the best."""

from collections.abc import Iterable, Sequence

from ..sweeps.outcomes import mean_and_sd
from .lines import Line
from .table import Cell
from .words import NONE, lower_is_better, number, spread

FEWER, FAILED = "*", "failed"


def mean_of(line: Line, metric: str, part: str) -> float | None:
    """Return the mean over the seeds; None where there is no number."""
    values = list(line.values(metric, part).values())
    return mean_and_sd(values)[0] if values else None


def best_of(means: Iterable[float], metric: str) -> float | None:
    """Return the best of several means; None of none."""
    found = list(means)
    if not found:
        return None
    return min(found) if lower_is_better(metric) else max(found)


class Scores:
    """Cells of some entries, the best of each task and model marked.

    Args:
        lines: those that are compared.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self._known: dict[tuple[tuple[str, str], str, str], float | None] = {}

    def cell(self, line: Line | None, metric: str | None, part: str) -> Cell:
        """Return the cell of an entry; None stands for an entry that there is not, and for its headline."""
        if line is None:
            return Cell(NONE)
        name = metric or line.headline
        values = list(line.values(name, part).values())
        if not values:
            return Cell(FAILED if line.outcome.failures else NONE)
        mean, sd = mean_and_sd(values)
        text = spread(name, mean, sd) + (FEWER if len(values) < line.wanted else "")
        return Cell(text, mean, self._is_best(line, mean, name, part))

    def _is_best(self, line: Line, mean: float, metric: str, part: str) -> bool:
        best = self._best(line.ground, metric, part)
        # Those that look alike are equally good.
        return best is not None and number(metric, mean) == number(metric, best)

    def _best(self, ground: tuple[str, str], metric: str, part: str) -> float | None:
        """Return the best mean of a task and model; None where it has no rival."""
        key = ground, metric, part
        if key not in self._known:
            means = [mean_of(one, metric, part) for one in self.lines if one.ground == ground]
            found = [one for one in means if one is not None]
            self._known[key] = best_of(found, metric) if len(found) > 1 else None
        return self._known[key]
