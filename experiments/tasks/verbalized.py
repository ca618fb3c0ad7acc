"""Records that are put into words: their form as one line, and rows with one or with all of their texts.

A record is a list of fields: the name of an attribute and its value, or subject, relation and object. Fields
are joined by ``" : "``, records by ``" | "``, and an underscore is a space:
``name : The Vaults | eatType : pub | near : Café Adriatic``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from adalora.errors import DataError

from .. import texts
from ..config import DataConfig
from ..metrics import Scores
from ..problems import WRITING, Columns
from .source import Source, read
from .task import Splits, Task

COLUMNS = Columns(("input",), "text", accepted="references")

Pair = tuple[str, Sequence[str]]  # an input, and texts that are right for it


def linear(records: Iterable[Sequence[str]]) -> str:
    """Return records as one line."""
    return " | ".join(" : ".join(_tidy(field.replace("_", " ")) for field in record) for record in records)


def spread(pairs: Iterable[Pair], origin: str) -> Dataset:
    """Return a row for each text, to train on.

    Args:
        pairs: inputs and texts; empty texts are left out.
        origin: where they are from, for the error.

    Raises:
        DataError: there is no text.
    """
    found = _grouped(pairs, origin)
    return _rows([(given, text, [text]) for given, wanted in found.items() for text in wanted])


def gather(pairs: Iterable[Pair], origin: str) -> Dataset:
    """Return a row for each input with all of its texts, to measure on: one prediction for each.

    The first text is the one that the loss is taken of. Arguments and errors are those of `spread`.
    """
    found = _grouped(pairs, origin)
    return _rows([(given, wanted[0], wanted) for given, wanted in found.items()])


def _grouped(pairs: Iterable[Pair], origin: str) -> dict[str, list[str]]:
    """Return the different texts of each different input, in the order in which they come."""
    found: dict[str, list[str]] = {}
    for given, wanted in pairs:
        for text in filter(None, map(_tidy, wanted)):
            known = found.setdefault(given, [])
            if text not in known:
                known.append(text)
    if not found:
        raise DataError(f"{origin} has no text to learn or to measure; give its rows some.")
    return found


def _rows(rows: list[tuple[str, str, list[str]]]) -> Dataset:
    given, text, wanted = zip(*rows, strict=True)
    return Dataset.from_dict({"input": list(given), "text": list(text), "references": list(wanted)})


def _tidy(text: str) -> str:
    """Return the text with one space in place of tabs, line breaks and other gaps."""
    return " ".join(text.split())


def nested(cells: Any, name: str, column: str) -> list[Any]:
    """Return one field of the structures in a cell.

    Args:
        cells: a list of structures, or, as `datasets` keeps such a list, a structure of lists.
        name: the field.
        column: what holds the cell, for the error.

    Raises:
        DataError: there is no such field.
    """
    try:
        return list(cells[name]) if isinstance(cells, Mapping) else [cell[name] for cell in cells]
    except (KeyError, TypeError) as error:
        raise DataError(
            f"column {column!r} holds {str(cells)[:100]}, which has no field {name!r}; give it the form that "
            f"it has on the hub."
        ) from error


@dataclass(frozen=True)
class Records:
    """Where records lie, and how they are read and measured.

    Attributes:
        name: of the task.
        source: on the hub.
        raw: columns that it has there.
        metrics: the first one is the headline.
        pairs: rows as they come -> inputs and texts.
        tests: (test rows, training rows) -> the test rows by the name of their part.
    """

    name: str
    source: Source
    raw: Columns
    metrics: tuple[texts.Metric, ...]
    pairs: Callable[[Dataset], Iterable[Pair]]
    tests: Callable[[Dataset, Dataset], Mapping[str, Dataset]] = lambda test, _: {"test": test}

    def load(self, data: DataConfig) -> Splits:
        """Return a row for each text to train on, and one for each input to measure on.

        Raises:
            DataError: a metric's package or the data is missing, or there is no text.
        """
        texts.require_all(self.metrics)  # a training must not end without a number
        parts = read(self.source, data.path, ("train", "validation", "test"), self.raw)
        train, validation, test = (f"{self.name}, split {split!r}," for split in parts)
        return Splits(
            spread(self.pairs(parts["train"]), train),
            gather(self.pairs(parts["validation"]), validation),
            {
                part: gather(self.pairs(rows), test)
                for part, rows in self.tests(parts["test"], parts["train"]).items()
            },
        )

    def score(self, predictions: Sequence[str], references: texts.References) -> Scores:
        """Measure by all of the metrics."""
        return texts.measure(self.metrics, predictions, references)

    def task(self, about: str) -> Task:
        """Return the row of the registry."""
        headline, *others = (metric.name for metric in self.metrics)
        return Task(
            name=self.name,
            about=about,
            problem=WRITING,
            columns=COLUMNS,
            load=self.load,
            score=self.score,
            headline=headline,
            others=tuple(others),
        )
