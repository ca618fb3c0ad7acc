"""The tables of an analysis, for CSV files and for the page."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis import MatrixNumbers, PairNumbers

from .numbers import Comparison, RunNumbers

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Columns and rows.

    Attributes:
        head: names of the columns.
        rows: cells; None where there is no number.
    """

    head: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


_MATRIX: tuple[str, ...] = (
    "module",
    "layer",
    "type",
    "d1",
    "d2",
    "rank",
    "numerical rank",
    "norm",
    "stable rank",
)
_MATRIX += ("effective rank", "energy of the first", "residual P", "residual Q", "lambda gap")
_MATRIX += ("amplification", "by W0", "by random", "intruders")


def matrix_table(numbers: RunNumbers) -> Table:
    """Return a row for each matrix of a run."""
    return Table(_MATRIX, [_matrix_row(one) for one in numbers.matrices])


def _matrix_row(one: MatrixNumbers) -> tuple[Cell, ...]:
    record, values, triplets, base = one.record, one.spectrum, one.triplets, one.against_base
    row: list[Cell] = [
        record.module,
        record.layer,
        record.type,
        *record.shape,
        record.rank,
        len(values.sigma),
    ]
    row += [values.norm, values.stable_rank, values.effective_rank]
    row.append(float(values.energy[0]) if len(values.energy) else None)
    row += [triplets.residual_left, triplets.residual_right, triplets.gap] if triplets else [None] * 3
    if base is None:
        return (*row, None, None, None, None)
    numbers = base.amplification
    return (*row, numbers.factor, numbers.by_base, numbers.by_random, base.intruders.count)


_PAIR: tuple[str, ...] = (
    "module",
    "layer",
    "type",
    "side",
    "of",
    "r1",
    "r2",
    "φ(1,1)",
    "chance",
    "99 % of chance",
)
_PAIR += ("φ(r,r)", "chance of it", "cells above chance", "Grassmann", "projection")


def pair_table(found: Comparison) -> Table:
    """Return a row for each matrix, side and kind of a comparison."""
    return Table(_PAIR, [_pair_row(one) for one in found.pairs])


def _pair_row(one: PairNumbers) -> tuple[Cell, ...]:
    r1, r2 = one.grid.shape
    row: list[Cell] = [one.first.module, one.first.layer, one.first.type, one.side, one.of, r1, r2]
    if one.chance is None:
        return (*row, *[None] * 8)
    last = min(r1, r2) - 1
    above = one.chance.above(one.grid)
    row += [float(one.grid[0, 0]), float(one.chance.mean[0, 0]), float(one.chance.quantiles[0.99][0, 0])]
    row += [float(one.grid[last, last]), float(one.chance.mean[last, last])]
    row.append(float(np.nanmean(above)) if not np.isnan(above).all() else None)
    row += [one.distance.grassmann, one.distance.projection] if one.distance else [None, None]
    return tuple(row)


_CELL = ("module", "side", "of", "i", "j", "φ", "chance", "sd", "99 % of chance", "above")


def cell_table(found: Comparison) -> Table:
    """Return φ(i, j) with chance, for i and j that grow by about a half: 1, 2, 3, 4, 6, 8, 12, …, r."""
    rows: list[tuple[Cell, ...]] = []
    for one in found.pairs:
        if one.chance is None:
            continue
        level, above = one.chance, one.chance.above(one.grid)
        for i in _steps(one.grid.shape[0]):
            for j in _steps(one.grid.shape[1]):
                at = i - 1, j - 1
                values = (one.grid[at], level.mean[at], level.sd[at], level.quantiles[0.99][at], above[at])
                rows.append((one.first.module, one.side, one.of, i, j, *(float(value) for value in values)))
    return Table(_CELL, rows)


def _steps(size: int) -> list[int]:
    """Return 1, 2, 3, 4, 6, 8, 12, 16, … up to ``size``, which is the last one."""
    found = sorted({2**n for n in range(20)} | {3 * 2**n for n in range(20)})
    return [*(step for step in found if step < size), size]


def write_csv(path: Path, table: Table) -> None:
    """Write a table; a number that is not there is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.head)
        writer.writerows([_plain(cell) for cell in row] for row in table.rows)


def _plain(cell: Cell) -> Any:
    missing = cell is None or (isinstance(cell, float) and np.isnan(cell))
    return "" if missing else cell


def joined(tables: Sequence[tuple[str, Table]], name: str) -> Table:
    """Return several tables of one kind as one, with a column in front that says which."""
    rows = [(label, *row) for label, table in tables for row in table.rows]
    return Table((name, *tables[0][1].head), rows)
