"""Records that are put into words: their form as one line, and rows with one or with all of their texts.

A record is a list of fields: the name of an attribute and its value, or subject, relation and object. Fields
are joined by ``" : "``, records by ``" | "``, and an underscore is a space:
``name : The Vaults | eatType : pub | near : Café Adriatic``.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from datasets import Dataset

from adalora.errors import DataError

from .. import texts
from ..metrics import Score, Scores
from ..problems import Columns

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


def score_by(metrics: Sequence[texts.Metric]) -> Score:
    """Return the function of predictions and references that measures by all of these metrics."""
    measure: partial[Scores] = partial(texts.measure, metrics)
    return measure
