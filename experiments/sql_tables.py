"""What a query of WikiSQL finds in its table, by SQLite in memory.

A text that a model has written never gets to SQLite. What runs is a SELECT made of the parts of a parsed
query: numbers of columns, words of ours, and values that are bound as parameters.
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import isfinite
from typing import Any

from .sql import AGGREGATIONS, OPERATORS, Query, plain

NUMBERS = "real"  # the kind of a column that holds numbers; the other one is "text"
STEPS = 5_000_000  # of SQLite's machine, a second or so: some twenty a cell that is looked at

Cell = float | str | int | None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        kinds: of each column, ``real`` or ``text``.
        rows: texts, also of numbers; as wide as ``kinds``.
    """

    kinds: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "Table":
        """Return the table in a row's column ``table``.

        Raises:
            ValueError: it has no column, or its header, kinds and rows differ in width.
        """
        kinds = tuple(map(str, found["types"]))
        rows = tuple(tuple("" if cell is None else str(cell) for cell in row) for row in found["rows"])
        if not kinds or len(found["header"]) != len(kinds) or any(len(row) != len(kinds) for row in rows):
            raise ValueError("header, types and rows of its table are not of one width")
        return cls(kinds, rows)


def answers(table: Table, queries: Sequence[Query | None], steps: int = STEPS) -> list[list[Cell] | None]:
    """Return what each query finds, in the order of the rows; None where one cannot be run.

    As in WikiSQL's own evaluation texts are compared without regard to capitals, and in a column of numbers a
    value is the number that it is or that stands in it, ``20`` for ``"20 goals"``; where it has none, the
    query cannot be run, nor can any of a table with more columns than SQLite takes. Unlike there, two
    conditions on one column both count.

    Args:
        table: what is asked.
        queries: what to find; None finds nothing.
        steps: of SQLite's machine for one query, at most.
    """
    with closing(sqlite3.connect(":memory:")) as base:
        columns = ", ".join(
            f"col{number} {'REAL' if kind == NUMBERS else 'TEXT'}" for number, kind in enumerate(table.kinds)
        )
        try:
            base.execute(f"CREATE TABLE rows ({columns})")
        except sqlite3.Error:  # more columns than SQLite has room for
            return [None] * len(queries)
        holes = ", ".join("?" * len(table.kinds))
        base.executemany(f"INSERT INTO rows VALUES ({holes})", [_cells(table, row) for row in table.rows])  # noqa: S608
        base.execute("PRAGMA query_only = ON")
        return [None if query is None else _run(base, table, query, steps) for query in queries]


def _cells(table: Table, row: Sequence[str]) -> list[Cell]:
    pairs = zip(table.kinds, row, strict=True)
    return [
        _number(cell) if kind == NUMBERS and _number(cell) is not None else plain(cell)
        for kind, cell in pairs
    ]


def _number(text: str) -> float | None:
    if "_" in text:  # 1_0 is ten to Python alone
        return None
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        return None
    return number if isfinite(number) else None


def _run(base: sqlite3.Connection, table: Table, query: Query, steps: int) -> list[Cell] | None:
    if not query.fits(len(table.kinds)):
        return None
    values: list[Cell] = []
    for condition in query.conditions:
        number = _number_in(condition.value) if table.kinds[condition.column] == NUMBERS else None
        if number is None and table.kinds[condition.column] == NUMBERS:
            return None
        values.append(plain(condition.value) if number is None else number)
    name = AGGREGATIONS[query.aggregation]
    asked = f"{name}(col{query.column})" if name else f"col{query.column}"
    where = " AND ".join(f"col{one.column} {OPERATORS[one.operator]} ?" for one in query.conditions)
    base.set_progress_handler(lambda: 1, steps)  # whatever it answers at its first call ends the query
    try:
        # Made of numbers and of words of ours; and a query without a join finds no more rows than there are.
        found = base.execute(f"SELECT {asked} FROM rows" + (f" WHERE {where}" if where else ""), values)  # noqa: S608
        return [cell for (cell,) in found]
    except (sqlite3.Error, UnicodeError):  # half a character of UTF-16 is no text to SQLite
        return None


def _number_in(text: str) -> float | None:
    """Return the number that a text is, or the first one in it."""
    whole = _number(text)
    if whole is not None:
        return whole
    found = re.search(r"[-+]?[0-9]*\.?[0-9]+", text)
    return None if found is None else _number(found[0])
