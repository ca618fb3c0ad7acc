"""``adalora figures``: train, analyse, compare, and write numbers and pictures of ``docs/findings.md``."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import analysis
from adalora.errors import ConfigError

from .. import files
from ..analyses import pictures
from ..analyses.config import AnalysisConfig
from ..analyses.numbers import compare_runs, measure_runs, stability_of
from ..analyses.pictures import Drawn
from ..analyses.run import analyze, compare
from ..analyses.runs import read_runs
from ..bench.processor import processor
from ..config import RunConfig
from ..versions import versions
from . import numbers, speed, tables
from .config import FiguresConfig
from .runs import RUNS, settings, train_all

RECORD, TABLES = "findings.json", "tables.md"


def figures(config: FiguresConfig, recipes: Mapping[str, RunConfig]) -> Path:
    """Train what is not there yet, and write everything else anew.

    Args:
        config: settings.
        recipes: the shipped settings of LoRA and AdaLoRA, by name.

    Returns:
        The folder with ``findings.json``, ``tables.md`` and the pictures.

    Raises:
        AdaLoRAError: data or model are not there, or a folder cannot be written.
    """
    found = versions(0)  # of the code that runs, whatever is edited while it does
    found["machine"]["processor"] = processor()
    place = Path(config.output)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"output is {config.output!r}, which cannot be written to: {error}.") from error
    folders = train_all({name: settings(name, recipes, config.runs, config.steps) for name in RUNS})
    words = [str(folder) for folder in folders.values()]
    analyze(words, AnalysisConfig(output=f"{config.runs}/analysis", overwrite=True))
    compare(words, AnalysisConfig(output=f"{config.runs}/comparison", overwrite=True))
    for one in _drawn(folders):
        analysis.save_figure(one.figure, place / f"{one.name}.png")
    record = {"versions": found, "steps": config.steps, **_numbers(folders)}
    (place / TABLES).write_text(tables.markdown(record), encoding="utf-8")
    files.write_json(place / RECORD, record)
    return place


def read(folder: Path) -> dict[str, Any]:
    """Return what ``findings.json`` in a folder holds."""
    found: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return found


def _numbers(folders: Mapping[str, Path]) -> dict[str, Any]:
    records = numbers.read_records(folders)
    return {
        "runs": {name: _outcome(folder) for name, folder in folders.items()},
        "top_direction": numbers.top_direction(records),
        "seeds": numbers.seeds(records),
        "amplified": numbers.amplified(records),
        "ranks": numbers.ranks(records),
        "speed": speed.measure(),
    }


def _outcome(folder: Path) -> dict[str, Any]:
    """Return the last line of a run's results: the method itself."""
    results = json.loads((folder / files.RESULTS).read_text(encoding="utf-8"))
    line = results["lines"][-1]
    (scores,) = line["scores"].values()
    return {"steps": line["steps"], "trained": line["trained"], "score": scores[results["headline"]]}


def _drawn(folders: Mapping[str, Path]) -> Iterator[Drawn]:
    config = AnalysisConfig()
    runs = dict(zip(folders, read_runs([str(folder) for folder in folders.values()], None), strict=True))
    for before, first, second in (
        ("ranks-", "lora-r8", "lora-r64"),
        ("seeds-", "lora-r64", "lora-r64-again"),
    ):
        (found,) = compare_runs([runs[first], runs[second]], config)
        yield from pictures.of_comparison(found, before)
    measured = measure_runs([runs[name] for name in ("lora-r2", "lora-r8", "lora-r64", "adalora")], config)
    yield from pictures.of_runs(measured)
    for one in measured:
        if one.run.label in ("lora-r8", "adalora"):
            yield from pictures.of_run(one, f"{one.run.label}-")
    stable = stability_of(list(runs.values()))
    if stable is not None:
        yield pictures.of_seeds(*stable)
