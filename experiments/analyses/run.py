"""``adalora analyze`` and ``adalora compare``: from folders to a folder of results."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import adalora
import analysis

from ..files import write_json
from . import output, page, pictures
from .config import AnalysisConfig
from .numbers import (
    Comparison,
    RunNumbers,
    compare_runs,
    measure_runs,
    plain_comparison,
    plain_run,
    plain_stability,
    stability_of,
)
from .pictures import Drawn
from .runs import Run, read_runs
from .tables import Table, cell_table, joined, matrix_table, pair_table, write_csv

FORMAT, VERSION = "adalora-analysis", 1


def analyze(names: Sequence[str], config: AnalysisConfig) -> Path:
    """Measure runs, each for itself, and write everything that applies.

    Args:
        names: folders of runs or adapters.
        config: settings.

    Returns:
        The folder with ``analysis.json``, ``matrices.csv``, ``report.html`` and ``pictures``.

    Raises:
        AdaLoRAError: a run cannot be read, or the results cannot be written. Nothing has been written.
    """
    runs = read_runs(names, config.base)
    place = output.place_of(config, runs[0].folder, "analysis")
    output.require_free(place, overwrite=config.overwrite)
    numbers = measure_runs(runs, config)
    sections = [_run_section(one, f"run{position}-") for position, one in enumerate(numbers, 1)]
    together = list(pictures.of_runs(numbers))
    if together:
        sections.append((_section("Against the pretrained weights", [], together, []), together))
    record = {"runs": [plain_run(one) for one in numbers], "pairs": [], "stability": None}
    tables = {"matrices.csv": joined([(one.run.label, matrix_table(one)) for one in numbers], "run")}
    lead = "What the updates have learned, and where the rank went."
    _write(place, config, (f"Analysis of {_listed(runs)}", lead), sections, (record, tables))
    return place


def compare(names: Sequence[str], config: AnalysisConfig) -> Path:
    """Compare every two of several runs, and write everything that applies.

    Returns:
        The folder with ``analysis.json``, ``pairs.csv``, ``similarity.csv``, ``report.html`` and
        ``pictures``.

    Raises:
        AdaLoRAError: a run cannot be read, two have no matrix in common, or the results cannot be written.
            Nothing has been written.
    """
    runs = read_runs(names, config.base)
    place = output.place_of(config, runs[0].folder, "comparison")
    output.require_free(place, overwrite=config.overwrite)
    found = compare_runs(runs, config)
    sections = [_pair_section(one, f"pair{position}-") for position, one in enumerate(found, 1)]
    record: dict[str, Any] = {
        "runs": [],
        "pairs": [plain_comparison(one) for one in found],
        "stability": None,
    }
    stable = stability_of(runs)
    if stable is not None:
        drawn = [pictures.of_seeds(*stable)]
        sections.insert(0, (_section("The same ranks again?", [], drawn, []), drawn))
        record["stability"] = plain_stability(*stable)
    named = [(f"{one.first.label}, {one.second.label}", one) for one in found]
    tables = {
        "pairs.csv": joined([(name, pair_table(one)) for name, one in named], "runs"),
        "similarity.csv": joined([(name, cell_table(one)) for name, one in named], "runs"),
    }
    lead = "φ(i, j) is 1 where the smaller of two spans lies in the larger, and 0 where they are orthogonal."
    _write(place, config, (f"Comparison of {_listed(runs)}", lead), sections, (record, tables))
    return place


_Drawn = tuple[page.Section, Sequence[Drawn]]


def _run_section(numbers: RunNumbers, before: str) -> _Drawn:
    drawn = list(pictures.of_run(numbers, before))
    many = len(numbers.matrices)
    notes = [
        f"What needs the pretrained weight is missing for {count} of {many} matrices: {reason}."
        for reason, count in numbers.missing.items()
    ]
    if any(one.record.dora for one in numbers.matrices):
        notes.append("DoRA rescales the rows on top: the numbers are those of the low-rank product alone.")
    if not numbers.run.history:
        notes.append("No history of an allocation: the run has a fixed rank, or was saved without one.")
    return _section(numbers.run.label, notes, drawn, [("Every matrix", matrix_table(numbers))]), drawn


def _pair_section(found: Comparison, before: str) -> _Drawn:
    drawn = list(pictures.of_comparison(found, before))
    both = found.shared
    notes = [f"{len(both.pairs)} matrices are in both."]
    for label, modules in (
        (f"Only in {found.first.label}", both.only_first),
        (f"Only in {found.second.label}", both.only_second),
        ("Of another size", both.other_shape),
    ):
        if modules:
            notes.append(f"{label}: {', '.join(modules)}.")
    if not any(one.grid.size for one in found.pairs):
        notes.append("No matrix has a direction in both runs.")
    title = f"{found.first.label} and {found.second.label}"
    return _section(title, notes, drawn, [("Every matrix", pair_table(found))]), drawn


def _section(
    title: str, notes: Sequence[str], drawn: Sequence[Drawn], tables: Sequence[tuple[str, Table]]
) -> page.Section:
    images = [page.image(one.figure, one.caption) for one in drawn]
    return page.Section(title, notes, images, [page.sheet(name, table) for name, table in tables])


def _write(
    place: Path,
    config: AnalysisConfig,
    heading: tuple[str, str],
    sections: Sequence[_Drawn],
    results: tuple[Mapping[str, Any], Mapping[str, Table]],
) -> None:
    """Write page, pictures, tables and JSON.

    Args:
        place: where to.
        config: settings.
        heading: title and lead of the page.
        sections: with their pictures.
        results: the record, and the tables by file name.
    """
    record, tables = results
    facts = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "adalora": adalora.__version__,
        "torch": torch.__version__,
        "seed": str(config.seed),
    }
    text = page.render(*heading, [section for section, _ in sections], facts)
    whole = {"format": FORMAT, "version": VERSION, **facts, **record}

    def fill(folder: Path) -> None:
        for name, table in tables.items():
            write_csv(folder / name, table)
        for _, drawn in sections:
            for one in drawn:
                analysis.save_figure(one.figure, folder / output.PICTURES / f"{one.name}.{config.format}")
        (folder / output.PAGE).write_text(text, encoding="utf-8")
        write_json(folder / output.RECORD, whole)

    output.write(place, fill)


def _listed(runs: Sequence[Run]) -> str:
    labels = [run.label for run in runs]
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"
