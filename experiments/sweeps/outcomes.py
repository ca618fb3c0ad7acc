"""What came out of a sweep, entry by entry."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean, stdev
from typing import Any

from .entries import VALIDATION, Entry
from .store import Store


@dataclass(frozen=True)
class Outcome:
    """The results of one entry.

    Attributes:
        entry: what was run.
        chosen: the value that its trials have chosen; None where nothing is chosen, or not yet.
        validation: mean validation score by the values that there were to choose from.
        results: what is in the files of the finished runs that are compared, by seed.
        failures: why others have failed, trials included.
        missing: runs to compare that have neither; all of them while a trial is not there.
    """

    entry: Entry
    chosen: Any
    validation: Mapping[Any, float]
    results: Mapping[int, Mapping[str, Any]]
    failures: tuple[str, ...]
    missing: int

    @property
    def headline(self) -> str | None:
        """The metric by which runs of this task are compared; None while there is no result."""
        return next((str(result["headline"]) for result in self.results.values()), None)

    @property
    def part(self) -> str:
        """The test part that gives the headline: the first one behind the validation rows."""
        parts = next((list(result["scores"]) for result in self.results.values()), [])
        # They are the test rows too where there are no others.
        return next((part for part in parts if part != VALIDATION), VALIDATION)

    def scores(self, metric: str, part: str) -> dict[int, float]:
        """Return a metric on a part by seed; seeds whose number is not finite are left out."""
        found = {seed: result["scores"][part].get(metric) for seed, result in self.results.items()}
        return {seed: value for seed, value in found.items() if value is not None and isfinite(value)}

    def losses(self, part: str) -> dict[int, float]:
        """Return the task's loss on a part by seed."""
        found = {seed: result.get("losses", {}).get(part) for seed, result in self.results.items()}
        return {seed: value for seed, value in found.items() if value is not None and isfinite(value)}

    def mean(self, name: str) -> float:
        """Return the mean over the seeds of a number that results hold, such as ``seconds``."""
        return fmean(float(result[name]) for result in self.results.values())


def outcomes(entries: Iterable[Entry], store: Store) -> list[Outcome]:
    """Return what came out of every entry.

    Raises:
        CheckpointError: a file is damaged.
    """
    return [_outcome(entry, store) for entry in entries]


def _outcome(entry: Entry, store: Store) -> Outcome:
    compared = entry.compared(store)
    tried = [run for runs in entry.trials.values() for run in runs]
    reasons = {run.name: store.failure(run) for run in (*tried, *compared)}
    failures = tuple(f"{name}: {reason}" for name, reason in reasons.items() if reason is not None)
    results = {run.seed: store.read(run) for run in compared if store.has(run)}
    wanted = len(next(iter(entry.finals.values())))
    lost = sum(store.failure(run) is not None for run in compared)
    return Outcome(
        entry=entry,
        chosen=entry.chosen(store),
        validation=entry.validation(store),
        results=results,
        failures=failures,
        missing=wanted - len(results) - lost,
    )


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean, and the standard deviation over seeds; None of a single one."""
    return fmean(values), stdev(values) if len(values) > 1 else None
