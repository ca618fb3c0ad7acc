"""A report in Markdown."""

import re
from collections.abc import Sequence

from .table import Cell, Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it stands, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def table(found: Table) -> str:
    """Return a table; the best cells are bold."""
    head = " | ".join(map(escaped, found.head))
    rule = ["---"] * found.words + ["---:"] * (len(found.head) - found.words)
    rows = [" | ".join(map(_cell, row)) for row in found.rows]
    return "\n".join(f"| {row} |" for row in (head, " | ".join(rule), *rows))


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    return f"**{text}**" if cell.best else text


def section(title: str, notes: Sequence[str], tables: Sequence[Table], pictures: Sequence[str]) -> str:
    """Return a section: heading, notes, tables, links to pictures."""
    parts = [f"## {escaped(title)}", *map(escaped, notes)]
    for one in tables:
        parts += [f"### {escaped(one.title)}"] if one.title else []
        parts += [table(one), *map(escaped, one.notes)]
    parts += [f"![{escaped(name)}]({name})" for name in pictures]
    return "\n\n".join(parts)
