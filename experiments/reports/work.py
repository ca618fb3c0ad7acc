"""What the runs of a sweep took: steps, time, machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..sweeps.store import Store
from .blocks import Plan, sort_key, trained_cell
from .layout import Layout
from .lines import Line, called
from .table import Cell, Table
from .words import NONE, duration

_RATE = "training.learning_rate"


@dataclass(frozen=True)
class Work:
    """What all runs took together, trials included.

    Attributes:
        runs: finished ones.
        hours: of training.
        machines: on which, each in words.
        packages: with what.
        commits: of which code.
    """

    runs: int
    hours: float
    machines: tuple[str, ...]
    packages: tuple[str, ...]
    commits: tuple[str, ...]

    def sentences(self) -> list[str]:
        """Return it in words."""
        runs = "1 finished run" if self.runs == 1 else f"{self.runs} finished runs"
        told = [f"{runs}, trials included: {self.hours:.2f} hours of training."]
        told += [f"Machine: {'; '.join(self.machines)}."] if self.machines else []
        told += [f"With {', '.join(self.packages)}."] if self.packages else []
        return told + ([f"Commits: {', '.join(self.commits)}."] if self.commits else [])


def work_of(lines: Sequence[Line], store: Store) -> Work:
    """Add up all runs of some entries that have finished, each once.

    Raises:
        CheckpointError: a result is damaged.
    """
    runs = {store.path(run): run for line in lines for run in line.outcome.entry.configs() if store.has(run)}
    results = [store.read(run) for run in runs.values()]
    made = [result["versions"] for result in results if "versions" in result]
    packages = [one.get("packages", {}) for one in made]
    names = ("adalora", "torch", "transformers")
    return Work(
        len(results),
        sum(float(result.get("seconds") or 0) for result in results) / 3600,
        _distinct(_machine(one.get("machine", {})) for one in made),
        _distinct(f"{name} {one[name]}" for name in names for one in packages if one.get(name)),
        _distinct(_short(one.get("commit")) for one in made),
    )


def _distinct(words: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))


def _machine(found: Any) -> str:
    words = [found.get("platform"), f"{found['cores']} cores" if "cores" in found else None]
    words += [f"threads in a run: {found['threads']}" if "threads" in found else None, found.get("device")]
    return ", ".join(str(word) for word in words if word)


def _short(commit: str | None) -> str:
    return commit[:7] + "+" * commit.endswith("+") if commit else ""


def work_table(lines: Sequence[Line], layout: Layout, plan: Plan, chosen: str) -> Table:
    """Return what every entry took, and what it has chosen.

    Args:
        lines: the entries.
        layout: says what settings are called.
        plan: the settings that tell entries apart.
        chosen: the setting that every entry chooses for itself; empty where there is none.
    """
    shown = [] if _RATE in plan.all else [_RATE]
    shown += [chosen] if chosen and chosen not in (*plan.all, _RATE) else []
    left = [called(name, layout) for name in plan.all] or ["run"]
    extra = [called(name, layout) + (", chosen" if name == chosen else "") for name in shown]
    rows = []
    for line in lines:
        labels = [line.label(name, layout) for name in plan.all] or [line.name]
        rows.append([*map(_cell, labels), *(_cell(line.label(name, layout) or NONE) for name in shown)])
        rows[-1] += [trained_cell(line.mean("trained")), *_taken(line), *_runs(line)]
    head = (*left, *extra, "trained", "steps", "time a run", "runs", "failed")
    return Table("", head, rows, len(left))


def _cell(text: str) -> Cell:
    return Cell(text, sort_key(text))


def _taken(line: Line) -> list[Cell]:
    cells = []
    for name in ("steps", "seconds"):
        mean = line.mean(name)
        if mean is None:
            cells.append(Cell(NONE))
        else:
            cells.append(Cell(duration(mean) if name == "seconds" else f"{mean:.0f}", mean))
    return cells


def _runs(line: Line) -> list[Cell]:
    count, failed = len(line.outcome.results), len(line.outcome.failures)
    runs = str(count) if count == line.wanted else f"{count} of {line.wanted}"
    return [Cell(runs, count), Cell(str(failed) if failed else NONE, failed or None)]
