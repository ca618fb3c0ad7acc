"""``hub:NAME``: any data set of texts and labels, with the columns that the settings name."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from datasets import ClassLabel, Dataset

from adalora.errors import DataError

from ..checks import require
from ..config import DataConfig
from ..metrics import accuracy, correlations
from ..problems import CLASSIFICATION, REGRESSION, Columns
from .source import Source, read
from .task import Splits, Task

PREFIX = "hub:"
_KINDS = {int: "whole numbers", float: "numbers with a point", bool: "true and false", str: "names"}


def hub_task(name: str, data: DataConfig) -> Task:
    """Return the task ``hub:NAME``: a regression if labels are numbers with a point, else a classification.

    The rows have to be read to know; `datasets` keeps them, so that loading them again costs nothing.

    Raises:
        DataError: the data, a split or a column is missing, or the labels are neither numbers nor names.
    """
    columns = Columns(tuple(data.text_columns), data.label_column)
    require(name != PREFIX, "task", name, "hub:NAME, with the name of a data set")
    require(
        data.label_column not in data.text_columns,
        "data.label_column",
        data.label_column,
        "a column that is not one of data.text_columns",
    )
    sample = _read(name, columns, data)[data.train_split][0][data.label_column]
    regression = isinstance(sample, float)
    if not isinstance(sample, float | int | str):
        raise DataError(
            f"data.label_column is {data.label_column!r}, which holds {sample!r}; allowed: a column of whole "
            f"numbers or names (classes) or of numbers with a point (a regression)."
        )
    return Task(
        name=name,
        about=f"The data set {name.removeprefix(PREFIX)}, column {data.label_column}.",
        problem=REGRESSION if regression else CLASSIFICATION,
        columns=columns,
        load=partial(_load_numbers if regression else _load_classes, name, columns),
        score=correlations if regression else accuracy,
        headline="pearson" if regression else "accuracy",
        others=("spearman",) if regression else (),
        held_out=False,
        classes=() if regression else None,
    )


def _read(name: str, columns: Columns, data: DataConfig) -> dict[str, Dataset]:
    source = Source(name.removeprefix(PREFIX), data.subset)
    return read(source, data.path, (data.train_split, data.eval_split), columns)


def _load_numbers(name: str, columns: Columns, data: DataConfig) -> Splits:
    parts = _read(name, columns, data)
    held = parts[data.eval_split]
    return Splits(parts[data.train_split], held, {data.eval_split: held})


def _load_classes(name: str, columns: Columns, data: DataConfig) -> Splits:
    parts = _read(name, columns, data)
    train, held = parts[data.train_split], parts[data.eval_split]
    feature = train.features[columns.target]
    if isinstance(feature, ClassLabel):
        other = held.features[columns.target]
        if isinstance(other, ClassLabel) and other.names != feature.names:
            ours, theirs = (", ".join(one.names[:30]) for one in (feature, other))
            raise DataError(
                f"data.label_column is {columns.target!r}, whose classes are {ours} in split "
                f"{data.train_split!r} and {theirs} in split {data.eval_split!r}; allowed: the same names in "
                f"the same order. Cast one to the features of the other."
            )
        return Splits(train, held, {data.eval_split: held}, tuple(feature.names))
    found = {*train[columns.target], *held[columns.target]}
    kinds = {type(value) for value in found}
    if len(kinds) > 1:
        told = " and ".join(word for kind, word in _KINDS.items() if kind in kinds)
        raise DataError(
            f"data.label_column is {columns.target!r}, which holds {told}; allowed: one kind in both splits."
        )
    values = sorted(found)
    train, held = (_numbered(rows, columns.target, values) for rows in (train, held))
    return Splits(train, held, {data.eval_split: held}, tuple(map(str, values)))


def _numbered(rows: Dataset, target: str, values: Sequence[Any]) -> Dataset:
    """Replace class names, or numbers with gaps, by 0, 1, 2 and so on."""
    numbers = {value: number for number, value in enumerate(values)}
    return rows.remove_columns(target).add_column(target, [numbers[value] for value in rows[target]])
