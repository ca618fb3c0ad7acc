"""The tables of a sweep's scores, as its layout says."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from adalora.errors import ConfigError

from ..metrics import LOSS
from ..papers import Number, Row, rows_for
from ..sweeps.names import in_words
from .layout import TEST, Layout
from .lines import GROUND, Line, called, told, varied
from .scores import FEWER, Scores
from .table import Cell, Table
from .words import NONE, lower_is_better, millions

_HEADLINES = "headline of each task"


@dataclass(frozen=True)
class Plan:
    """Which settings go where.

    Attributes:
        blocks: settings that make a table of their own.
        rows: settings that make a row.
        columns: settings that make a column; empty where the metrics do.
    """

    blocks: tuple[str, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, from the outermost."""
        return self.blocks + self.rows + self.columns


def plan_of(layout: Layout, lines: Sequence[Line]) -> Plan:
    """Return where the settings of a sweep go; what the layout leaves open is filled with what varies.

    Raises:
        ConfigError: two entries would come to one cell.
    """
    differ = varied(lines)
    taken = {*layout.rows, *layout.columns}
    blocks = layout.blocks
    if blocks is None:
        blocks = tuple(name for name in GROUND if name in differ and name not in taken)
    rows = layout.rows or tuple(name for name in differ if name not in {*blocks, *layout.columns})
    plan = Plan(blocks, rows, layout.columns)
    seen: dict[tuple[str, ...], Line] = {}
    for line in lines:
        key = tuple(line.label(name, layout) for name in plan.all)
        if key in seen:
            other, more = seen[key], [name for name in differ if name not in plan.all]
            raise ConfigError(
                f"report: rows is {list(rows)}, and does not tell {in_words(other.outcome.entry.changes)} "
                f"from {in_words(line.outcome.entry.changes)}; allowed: with columns and "
                f"blocks all that varies{', such as ' + ', '.join(more) if more else ''}, each value with a "
                f"label of its own."
            )
        seen[key] = line
    return plan


def block_tables(lines: Sequence[Line], layout: Layout, plan: Plan) -> list[tuple[str, list[Table]]]:
    """Return the tables of every block, with its name; the name is empty where there is one alone."""
    blocks: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        blocks.setdefault(tuple(line.label(name, layout) for name in plan.blocks), []).append(line)
    build = _by_columns if plan.columns else _by_metrics
    return [(told(some[0], plan.blocks, layout) if key else "", build(some, layout, plan))
            for key, some in blocks.items()]  # fmt: skip


def shown_metrics(lines: Sequence[Line], layout: Layout) -> tuple[str, ...]:
    """Return the metrics of a layout, or the headline of each task."""
    return layout.metrics or tuple(dict.fromkeys(_headlines(lines)))


def _headlines(lines: Sequence[Line]) -> list[str]:
    """Return the headlines of entries: what results say, and where there are none what their tasks say."""
    return [line.headline for line in lines if line.outcome.results] or [line.headline for line in lines]


def _named(metric: str, layout: Layout) -> str:
    return called(metric, layout) + (" ↓" if lower_is_better(metric) else "")


def _by_metrics(lines: Sequence[Line], layout: Layout, plan: Plan) -> list[Table]:
    """Return one table: a row an entry, a column for each metric on each part."""
    metrics = shown_metrics(lines, layout)
    pairs = [(metric, part) for metric in metrics for part in layout.part]
    pairs = list(dict.fromkeys((metric, "" if metric == LOSS else part) for metric, part in pairs))
    heads = [
        _named(metric, layout) + (f", {part}" if part and len(layout.part) > 1 else "")
        for metric, part in pairs
    ]
    left = [called(name, layout) for name in plan.rows] or ["run"]
    scores, rows = Scores(lines), []
    for line in lines:
        labels = [line.label(name, layout) for name in plan.rows] or [line.name]
        rows.append(
            [
                *(Cell(text, sort_key(text)) for text in labels),
                trained_cell(line.mean("trained")),
                *(scores.cell(line, metric, part) for metric, part in pairs),
            ]
        )
    several = len({line.config.task for line in lines}) > 1
    for line in _grounds(lines):
        task = f", {line.label('task', layout)}" if several else ""
        for row in rows_for(*line.ground):
            numbers = [_printed(row, metric, part, line) for metric, part in pairs]
            if any(one is not None for one in numbers):
                labels = [f"{row.source}{task}: {row.label}", *[""] * (len(left) - 1)]
                rows.append([*map(Cell, labels), _trained_of(row), *map(_number_cell, numbers)])
    notes = _notes(rows)
    return [Table("", (*left, "trained", *heads), rows, len(left), notes)]


def _by_columns(lines: Sequence[Line], layout: Layout, plan: Plan) -> list[Table]:
    """Return a table for each metric on each part: settings make its rows and its columns."""
    metrics: Sequence[str | None] = layout.metrics or (None,)
    by_column: dict[str, None] = dict.fromkeys(_column(line, layout, plan) for line in lines)
    by_row: dict[tuple[str, ...], dict[str, Line]] = {}
    for line in lines:
        key = tuple(line.label(name, layout) for name in plan.rows)
        by_row.setdefault(key, {})[_column(line, layout, plan)] = line
    left, scores, tables = [called(name, layout) for name in plan.rows], Scores(lines), []
    for metric in metrics:
        for part in layout.part[:1] if metric == LOSS else layout.part:
            told_part = len(layout.part) > 1 and metric != LOSS
            title = _title(lines, metric, layout) + (f", {part}" if told_part else "")
            rows = [
                [*(Cell(text, sort_key(text)) for text in key or (title,)),
                 *(scores.cell(found.get(column), metric, part) for column in by_column)]
                for key, found in by_row.items()
            ]  # fmt: skip
            head = (*(left or ["metric"]), *by_column)
            tables.append(Table(title, head, rows, max(1, len(left)), _notes(rows)))
    return [*tables, *_papers_table(lines, layout)]


def _title(lines: Sequence[Line], metric: str | None, layout: Layout) -> str:
    names = {metric} if metric else set(_headlines(lines))
    return _named(names.pop(), layout) if len(names) == 1 else _HEADLINES


def _column(line: Line, layout: Layout, plan: Plan) -> str:
    words = []
    for name in plan.columns:
        value, text = line.value(name), line.label(name, layout)
        is_number = isinstance(value, int | float) and sort_key(text) is not None
        words.append(f"{called(name, layout)} = {text}" if is_number else text)
    return ", ".join(word for word in words if word)


def _papers_table(lines: Sequence[Line], layout: Layout) -> list[Table]:
    """Return the numbers that papers print for the tasks and models of some entries."""
    rows, metrics = [], shown_metrics(lines, layout)
    for line in _grounds(lines):
        for row in rows_for(*line.ground):
            for metric in metrics:
                number = _printed(row, metric, layout.part[0], line)
                if number is not None:
                    cells = [Cell(row.source), Cell(row.label), Cell(line.config.task)]
                    cells += [_trained_of(row), Cell(called(metric, layout)), _number_cell(number)]
                    rows.append(cells)
    head = ("printed in", "method", "task", "trained", "metric", "value")
    return [Table("What papers print", head, rows, 3)] if rows else []


def _grounds(lines: Sequence[Line]) -> list[Line]:
    """Return one entry for each task and model, with results where there is one."""
    found: dict[tuple[str, str], Line] = {}
    for line in lines:
        if not found.setdefault(line.ground, line).outcome.results:
            found[line.ground] = line
    return list(found.values())


def _printed(row: Row, metric: str, part: str, line: Line) -> Number | None:
    """Return what a paper prints: on this very part, where it tells several apart, else on the test rows."""
    found = row.numbers.get(f"{metric}/{line.part(metric, part)}")
    first = metric == LOSS or part == TEST or (line.outcome.results and part == line.outcome.part)
    return found or (row.numbers.get(metric) if first else None)


def _number_cell(number: Number | None) -> Cell:
    return Cell(NONE) if number is None else Cell(number.text, number.value)


def trained_cell(weights: float | None) -> Cell:
    """Return a cell with a number of trained weights."""
    return Cell(NONE) if weights is None else Cell(millions(weights), weights)


def _trained_of(row: Row) -> Cell:
    return Cell(NONE) if row.millions is None else Cell(f"{row.millions} M", 1e6 * float(row.millions))


def _notes(rows: Sequence[Sequence[Cell]]) -> tuple[str, ...]:
    fewer = any(cell.text.endswith(FEWER) for row in rows for cell in row)
    return (f"{FEWER} fewer seeds than the sweep asks for: others are missing, or have failed.",) * fewer


def sort_key(text: str) -> float | None:
    """Return what a label sorts by: numbers by their size."""
    try:
        return float(text) if isfinite(float(text)) else None
    except ValueError:
        return None
