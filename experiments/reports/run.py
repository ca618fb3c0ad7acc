"""``adalora report``: read the results of a sweep, and write tables and pictures of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import adalora
import analysis
from adalora.errors import ConfigError

from ..analyses import output, page
from ..analyses.tables import write_csv
from ..sweeps.entries import Entry
from ..sweeps.outcomes import outcomes
from ..sweeps.plan import Plan
from ..sweeps.store import Store
from . import blocks, latex, markdown
from .layout import read_layout
from .lines import lines_of, require_metrics, require_settings, varied
from .long import long_table
from .sections import Section, sections_of
from .table import Cell, Table
from .words import NONE
from .work import work_of

PAGE, TEXT, NUMBERS, TABLES, PICTURES = "report.html", "report.md", "report.csv", "report.tex", "pictures"
_OURS = {PAGE, TEXT, NUMBERS, TABLES, PICTURES}


def report(plan: Plan, entries: Sequence[Entry], results: Path, place: Path, *, sweep: str) -> Path:
    """Write the report of what has finished, and return its page.

    Args:
        plan: the sweep.
        entries: what it compares.
        results: folder with the results.
        place: folder for the report; an earlier report there is replaced.
        sweep: the command that trains the sweep, for messages.

    Raises:
        ConfigError: the layout is wrong or does not fit the results, nothing has finished yet, or the folder
            holds something else or cannot be written to.
        CheckpointError: a result is damaged.
    """
    layout = read_layout(plan.report)
    require_place(place)
    store, chosen = Store(results), plan.choice.setting if plan.choice else ""
    lines = lines_of(outcomes(entries, store), chosen)
    require_settings(layout, lines)
    where = blocks.plan_of(layout, lines)
    if not any(line.outcome.results for line in lines):
        failed = sum(len(line.outcome.failures) for line in lines)
        more = f" ({failed} have failed: add --retry)" if failed else ""
        raise ConfigError(f"{results} has no finished run of {plan.name} yet; train it first{more}: {sweep}")
    require_metrics(layout, lines)
    sections = sections_of(lines, layout, where, work_of(lines, store), chosen)
    title = layout.title or plan.name
    table = long_table(lines, varied(lines), chosen)

    def fill(folder: Path) -> None:
        for section in sections:
            for picture in section.pictures:
                analysis.save_figure(picture.figure, folder / PICTURES / f"{picture.name}.png")
        write_csv(folder / NUMBERS, table)
        (folder / TEXT).write_text(_markdown(title, sections), encoding="utf-8")
        (folder / TABLES).write_text(_latex(title, sections), encoding="utf-8")
        (folder / PAGE).write_text(_page(title, sections), encoding="utf-8")

    output.write(place, fill)
    return place / PAGE


def require_place(place: Path) -> None:
    """Refuse a folder that holds anything but an earlier report.

    Raises:
        ConfigError: it does, or is no folder.
    """
    if place.exists() and not place.is_dir():
        raise ConfigError(f"output is '{place}', which is a file; allowed: a folder.")
    strange = sorted({path.name for path in place.iterdir()} - _OURS) if place.exists() else []
    if place.exists() and (place / PICTURES).is_dir():
        strange += sorted(path.name for path in (place / PICTURES).iterdir() if path.suffix != ".png")
    if strange:
        raise ConfigError(
            f"output is '{place}', which holds {', '.join(strange[:3])} and is no report; allowed: another "
            f"folder."
        )


def _markdown(title: str, sections: Sequence[Section]) -> str:
    parts = [f"# {markdown.escaped(title)}"]
    for one in sections:
        pictures = [f"{PICTURES}/{picture.name}.png" for picture in one.pictures]
        parts.append(markdown.section(one.title, one.notes, one.tables, pictures))
    return "\n\n".join(parts) + "\n"


def _latex(title: str, sections: Sequence[Section]) -> str:
    tables = [
        (". ".join(word for word in (title, section.title, table.title) if word), table)
        for section in sections
        for table in section.tables
    ]
    return latex.document(tables)


def _page(title: str, sections: Sequence[Section]) -> str:
    lead = f"What the sweep has shown. All numbers are in {NUMBERS}, the tables for a paper in {TABLES}."
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    shown = [
        page.Section(
            section.title,
            section.notes,
            [page.image(one.figure, one.caption) for one in section.pictures],
            [_sheet(table) for table in section.tables],
        )
        for section in sections
    ]
    return page.render(title, lead, shown, {"made": made, "adalora": adalora.__version__})


def _sheet(table: Table) -> page.Sheet:
    best = {
        (number, column)
        for number, row in enumerate(table.rows)
        for column, cell in enumerate(row)
        if cell.best
    }
    rows = [[(cell.text, _key(cell)) for cell in row] for row in table.rows]
    return page.Sheet(table.title, table.head, rows, frozenset(best), table.notes, table.words)


def _key(cell: Cell) -> str:
    if cell.key is not None:
        return repr(float(cell.key))
    return "-inf" if cell.text == NONE else ""
