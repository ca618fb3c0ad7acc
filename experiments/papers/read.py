"""The tables of a paper, read from the YAML file that holds them as they are printed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from ..mappings import read_mapping

_FOLDER = Path(__file__).parent
_NOTHING = "-"
_HUNDREDTHS = 2
_AS_PRINTED = ("nist", "cider", "loss")  # sums that know no 100 %


@dataclass(frozen=True)
class Number:
    """A printed number.

    Attributes:
        value: in the unit of our own metrics, so that a share is in [0, 1].
        sd: the spread that is printed behind ±, likewise; None where there is none.
        text: both as our tables write them, shares in hundredths, with the figures that are printed.
    """

    value: float
    sd: float | None
    text: str


@dataclass(frozen=True)
class Row:
    """A row of a printed table, for one task.

    Attributes:
        source: paper and table.
        model: as printed.
        names: of the same model on the hub.
        task: name of the task here.
        method: name of the method here; empty where there is none.
        printed: the method as printed.
        words: its settings, and where the number is from.
        millions: trained weights in millions, as printed; None where they are not.
        numbers: by metric, or by METRIC/PART where parts are told apart.
    """

    source: str
    model: str
    names: tuple[str, ...]
    task: str
    method: str
    printed: str
    words: str
    millions: str | None
    # A mapping has no hash; rows are told apart by all the others.
    numbers: Mapping[str, Number] = field(hash=False)

    @property
    def label(self) -> str:
        """Method and settings."""
        return f"{self.printed}, {self.words}" if self.words else self.printed


@cache
def all_rows() -> tuple[Row, ...]:
    """Return every row of every paper."""
    return tuple(row for path in sorted(_FOLDER.glob("*.yaml")) for row in _paper(read_mapping(path)))


def rows_for(task: str, model: str) -> tuple[Row, ...]:
    """Return the rows that are of this task and this very model."""
    return tuple(row for row in all_rows() if row.task == task and model in row.names)


def _paper(found: Mapping[str, Any]) -> Iterator[Row]:
    for name, table in found["tables"].items():
        columns = [_column(words) for words in table["columns"]]
        for line in table["rows"].splitlines():
            model, method, printed, words, millions, *cells = (part.strip() for part in line.split("|"))
            for task in dict.fromkeys(one for one, _, _ in columns):
                numbers = {
                    metric: _number(cell, metric, per)
                    for (of, metric, per), cell in zip(columns, cells, strict=True)
                    if of == task and cell != _NOTHING
                }
                yield Row(
                    f"{found['source']}, {name}",
                    model,
                    tuple(found["models"][model]),
                    task,
                    method,
                    printed,
                    words,
                    None if millions == _NOTHING else millions,
                    numbers,
                )


def _column(words: str) -> tuple[str, str, int]:
    task, metric, _, per = words.split()
    return task, metric, int(per)


def _number(cell: str, metric: str, per: int) -> Number:
    value, _, sd = (part.strip() for part in cell.partition("±"))
    plain = metric.partition("/")[0] in _AS_PRINTED
    shift = 0 if plain or per == 100 else _HUNDREDTHS
    text = " ± ".join(f"{Decimal(one).scaleb(shift):f}" for one in (value, sd) if one)
    return Number(float(value) / per, float(sd) / per if sd else None, text)
