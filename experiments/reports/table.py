"""A table of a report, before it is Markdown, LaTeX or a page."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """What stands in a place of a table.

    Attributes:
        text: as it is read.
        key: the number to sort by; None for words.
        best: whether it is the best of those that it is compared with.
    """

    text: str
    key: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Columns and rows.

    Attributes:
        title: what stands above it.
        head: names of the columns.
        rows: cells.
        words: how many of the first columns hold words, and are set to the left.
        notes: sentences below it.
    """

    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    words: int = 1
    notes: tuple[str, ...] = ()
