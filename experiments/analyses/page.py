"""The page of an analysis, in one file that needs no network: ``report.html``."""

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from io import BytesIO

from matplotlib.figure import Figure

from .. import __package__ as _package
from ..pages import environment
from .tables import Cell, Table

_SCALE, _DPI = 96, 160  # screen pixels for an inch; dots for an inch in the file


@dataclass(frozen=True)
class Image:
    """A picture in the page.

    Attributes:
        caption: what it shows.
        width: on the screen, in pixels.
        height: likewise.
        data: the PNG itself, in base64.
    """

    caption: str
    width: int
    height: int
    data: str


@dataclass(frozen=True)
class Sheet:
    """A table in the page: each cell as text, and as the number to sort by.

    Attributes:
        name: what stands above it.
        head: names of the columns.
        rows: pairs of text and sorting key; the key is empty for text.
        best: places that are bold, row and column from 0.
        notes: sentences below it.
        words: how many of the first columns are set to the left.
    """

    name: str
    head: tuple[str, ...]
    rows: list[list[tuple[str, str]]]
    best: frozenset[tuple[int, int]] = frozenset()
    notes: tuple[str, ...] = ()
    words: int = 1


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        notes: sentences below it.
        images: pictures.
        sheets: tables.
    """

    title: str
    notes: Sequence[str]
    images: Sequence[Image]
    sheets: Sequence[Sheet]


def render(title: str, lead: str, sections: Sequence[Section], facts: dict[str, str]) -> str:
    """Return the page.

    Args:
        title: its heading.
        lead: a sentence below it.
        sections: its parts.
        facts: what it was made with.
    """
    script = resources.files(_package).joinpath("templates/sort.js").read_text(encoding="utf-8")
    # Only this very script may run, whatever a module or a run is called.
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        environment()
        .get_template("analysis.html")
        .render(title=title, lead=lead, sections=sections, facts=facts, script=script, digest=digest)
    )


def image(figure: Figure, caption: str) -> Image:
    """Return a figure as it stands in the page."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    width, height = (round(_SCALE * inches) for inches in figure.get_size_inches())
    return Image(caption, width, height, base64.b64encode(buffer.getvalue()).decode("ascii"))


def sheet(name: str, table: Table) -> Sheet:
    """Return a table as it stands in the page."""
    return Sheet(name, table.head, [[_cell(cell) for cell in row] for row in table.rows])


def _cell(cell: Cell) -> tuple[str, str]:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "–", "-inf"
    if isinstance(cell, str):
        return cell, ""
    text = str(cell) if isinstance(cell, int) else f"{cell:.3g}"
    return text, repr(cell)
