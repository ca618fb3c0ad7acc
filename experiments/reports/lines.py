"""The entries of a sweep as a report looks at them: their settings, their labels, their numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from statistics import fmean
from typing import Any

from ..checks import unknown
from ..config import RunConfig
from ..mappings import flatten
from ..methods import METHODS
from ..metrics import LOSS
from ..named import setting_of
from ..sweeps.outcomes import Outcome
from ..tasks import TASKS
from .layout import TEST, VALIDATION, Layout
from .words import last, written

GROUND = ("task", "model")
_RANK = "adapter.rank"


@dataclass(frozen=True)
class Line:
    """One entry with its outcome.

    Attributes:
        outcome: what came out.
        config: settings of one of the runs that are compared, without regard to the seed.
        undecided: the setting that is still to be chosen; empty where none is.
    """

    outcome: Outcome
    config: RunConfig
    undecided: str = ""

    @property
    def name(self) -> str:
        """What the sweep calls it."""
        return self.outcome.entry.name

    @property
    def wanted(self) -> int:
        """How many runs are to be compared."""
        return len(next(iter(self.outcome.entry.finals.values())))

    @property
    def headline(self) -> str:
        """The metric that its task is measured by; of an unknown task without any result, ``score``."""
        task = TASKS.get(self.config.task)
        return self.outcome.headline or (task.headline if task else "score")

    @property
    def ground(self) -> tuple[str, str]:
        """Task and model: numbers are compared on the same ground only."""
        return self.config.task, self.config.model

    def value(self, setting: str) -> Any:
        """Return a setting as the file or the run has it; None where it has no say, or is still open."""
        method, part = METHODS[self.config.method], setting.partition(".")[0]
        if part in method.ignored or setting == self.undecided:
            return None
        changes = self.outcome.entry.changes
        told = {**changes, **flatten(changes)}
        if setting in told:
            return told[setting]
        if part == "adapter" and method.size != _RANK:
            return None  # the usual rank of an adapter that the method does not put on
        found = setting_of(self.config, setting)
        return found if isinstance(found, str | int | float | list | None) else asdict(found)

    def label(self, setting: str, layout: Layout) -> str:
        """Return what tables call the value of a setting; nothing where it has no say."""
        value = self.value(setting)
        text = written(value)
        labels = layout.labels.get(setting, {})
        if text in labels:
            return labels[text]
        if setting == "method":
            return METHODS[self.config.method].label
        if isinstance(value, list):
            return ", ".join(map(written, value)) or "none"
        return "" if value is None else text

    def values(self, metric: str, part: str) -> dict[int, float]:
        """Return a metric by seed; numbers that are not finite are left out, and so is what is not there."""
        part = self.part(metric, part)
        if metric == LOSS:
            return self.outcome.losses(part)
        found = {
            seed: result["scores"].get(part, {}).get(metric) for seed, result in self.outcome.results.items()
        }
        return {seed: value for seed, value in found.items() if value is not None and isfinite(value)}

    def part(self, metric: str, part: str) -> str:
        """Return the part of the results that a layout means; a loss is that of the validation rows."""
        if metric == LOSS:
            return VALIDATION
        there = any(part in result["scores"] for result in self.outcome.results.values())
        return self.outcome.part if part == TEST and not there else part

    def metrics(self) -> list[str]:
        """Return the names of all metrics that its results have."""
        scores = [part for result in self.outcome.results.values() for part in result["scores"].values()]
        return list(dict.fromkeys(name for part in scores for name in part))

    def parts(self) -> list[str]:
        """Return the names of all parts that its results have."""
        return list(dict.fromkeys(part for one in self.outcome.results.values() for part in one["scores"]))

    def mean(self, name: str) -> float | None:
        """Return the mean over the seeds of a number such as ``trained``; None where no result has it."""
        found = [float(one[name]) for one in self.outcome.results.values() if one.get(name) is not None]
        return fmean(found) if found else None


def lines_of(outcomes: Iterable[Outcome], chosen: str) -> list[Line]:
    """Return every entry.

    Args:
        outcomes: of a sweep.
        chosen: the setting that each entry chooses for itself; empty where there is none.
    """
    lines = []
    for one in outcomes:
        runs = one.entry.finals.get(one.chosen)
        first = (runs or next(iter(one.entry.finals.values())))[0]
        lines.append(Line(one, first, "" if runs else chosen))
    return lines


def varied(lines: Sequence[Line]) -> list[str]:
    """Return the settings that tell entries apart, the method first, the others in the order of the file."""
    names = dict.fromkeys(name for line in lines for name in flatten(line.outcome.entry.changes))
    differ = [name for name in names if len({written(line.value(name)) for line in lines}) > 1]
    return sorted(differ, key=lambda name: name != "method")


def require_settings(layout: Layout, lines: Sequence[Line]) -> None:
    """Check that all settings that a layout names are settings.

    Raises:
        ConfigError: one is none; those that come close are named.
    """
    known = dict.fromkeys(name for line in lines for name in flatten(asdict(line.config)))
    groups = {name.rpartition(".")[0] for name in known if "." in name}
    for where, name in layout.settings():
        if name not in known and name not in groups:
            raise unknown(f"report: {where}", name, known)


def require_metrics(layout: Layout, lines: Sequence[Line]) -> None:
    """Check that every metric and every part of a layout is in the results of one task at least.

    A metric that a task may leave out, such as METEOR where there is no Java, need not be there.

    Raises:
        ConfigError: one is in none; what the tasks have is listed, and what comes close.
    """
    finished = dict.fromkeys(line.config.task for line in lines if line.outcome.results)
    tasks = ", ".join(finished)
    found = [name for line in lines for name in line.metrics()]
    left_out = [name for task in finished if task in TASKS for name in TASKS[task].metrics]
    metrics = dict.fromkeys([*found, *left_out, LOSS])
    parts = dict.fromkeys([*(name for line in lines for name in line.parts()), TEST])
    for where, names, known in (("metrics", layout.metrics, metrics), ("part", layout.part, parts)):
        for name in names:
            if name not in known:
                raise unknown(f"report: {where} (of {tasks})", name, known)


def called(name: str, layout: Layout) -> str:
    """Return what a setting or a metric is called."""
    return layout.names.get(name, last(name))


def told(line: Line, settings: Sequence[str], layout: Layout) -> str:
    """Return settings of an entry as a few words, ``LoRA, rank 8``; its name where there are none."""
    words = []
    for setting in settings:
        label = line.label(setting, layout)
        named = label and not _speaks(line, setting, layout)
        words.append(f"{called(setting, layout)} {label}" if named else label)
    return ", ".join(word for word in words if word) or line.name


def _speaks(line: Line, setting: str, layout: Layout) -> bool:
    """Say whether a value tells by itself which setting it is of, as ``LoRA`` does and 8 does not."""
    value = line.value(setting)
    return written(value) in layout.labels.get(setting, {}) or isinstance(value, str | list)
