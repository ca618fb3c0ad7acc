"""A task: rows of a table that runs, reports and tests read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from datasets import Dataset

from ..checks import unknown
from ..config import DataConfig
from ..metrics import Score
from ..problems import Columns, Problem

DATA_SEED = 0  # rows are shuffled and cut alike in every run, whatever the run's own seed


@dataclass(frozen=True)
class Splits:
    """The rows of a task.

    Attributes:
        train: rows to train on.
        validation: rows to look at on the way.
        test: rows that only the final numbers are taken from, by name; the first one gives the headline.
            Where the labels of the test rows are not public (GLUE, SQuAD) these are the validation rows.
        classes: names of the classes, in the order of their numbers; empty if there are none.
    """

    train: Dataset
    validation: Dataset
    test: Mapping[str, Dataset]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """What is to be learned, and how it is measured.

    Attributes:
        name: as configuration files say it.
        about: one line for the report.
        problem: its kind.
        columns: which columns of the rows count.
        load: settings -> rows.
        score: (predictions, references) -> numbers by name.
        headline: the one number by which runs are compared.
        others: names of the other numbers that ``score`` returns; those of a class that no row has are not
            there, nor METEOR without Java.
        classes: names of the classes, where they are known before a row is read; None where the rows tell.
        reads_path: whether ``data.path`` may say where the rows lie; else they come from a package.
        held_out: whether the first test part is of other rows than the validation part.
    """

    name: str
    about: str
    problem: Problem
    columns: Columns
    load: Callable[[DataConfig], Splits]
    score: Score
    headline: str
    others: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = ()
    reads_path: bool = True
    held_out: bool = True

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all numbers that ``score`` returns, the headline first."""
        return (self.headline, *self.others)


def require_metric(task: Task, metric: str) -> None:
    """Check that a task has a metric.

    Raises:
        ConfigError: it has not; its own ones are listed, and those that come close.
    """
    if metric not in task.metrics:
        raise unknown(f"metric of {task.name}", metric, task.metrics)


def cut(rows: Dataset, limit: int | None) -> Dataset:
    """Return ``limit`` rows drawn with the fixed seed, or all of them."""
    if limit is None or limit >= len(rows):
        return rows
    return rows.shuffle(seed=DATA_SEED).select(range(limit))


def hold_out(rows: Dataset, test: int, validation: int) -> tuple[Dataset, Dataset, Dataset]:
    """Shuffle with the fixed seed and return the rest for training, ``validation`` rows and ``test`` rows."""
    shuffled = rows.shuffle(seed=DATA_SEED)
    held = test + validation
    return (
        shuffled.select(range(held, len(rows))),
        shuffled.select(range(test, held)),
        shuffled.select(range(test)),
    )
