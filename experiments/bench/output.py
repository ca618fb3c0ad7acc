"""The files of the benchmark: where they lie, and when they may be written."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from adalora.errors import ConfigError
from analysis import save_figure

from ..files import write_json
from .config import BenchConfig
from .picture import ratios_over_the_floor
from .tables import markdown

RECORD, PICTURE, TABLES = "bench.json", "bench.png", "tables.md"


def require_free(config: BenchConfig) -> None:
    """Raise unless the results may be written; nothing is left behind.

    Raises:
        ConfigError: results are there and ``overwrite`` is false, or ``output`` cannot be written to.
    """
    folder = Path(config.output)
    there = [name for name in (RECORD, PICTURE, TABLES) if (folder / name).exists()]
    if there and not config.overwrite:
        raise ConfigError(
            f"output is {config.output!r}, which holds {', '.join(there)}; give another folder, or set "
            f"overwrite: true to replace them."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = _beside(folder / RECORD)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise ConfigError(
            f"output is {config.output!r}, which cannot be written to: {error}; allowed: a folder that you "
            f"may write to."
        ) from error


def write(config: BenchConfig, record: Mapping[str, Any]) -> None:
    """Write everything, each file whole or not at all: the JSON last, of which the others are made."""
    folder = Path(config.output)
    figure = ratios_over_the_floor(record)
    if figure is None:  # a picture of other numbers shall not lie beside these
        (folder / PICTURE).unlink(missing_ok=True)
    else:
        _replace(folder / PICTURE, lambda path: save_figure(figure, path))
    _replace(folder / TABLES, lambda path: path.write_text(markdown(record), encoding="utf-8"))
    _replace(folder / RECORD, lambda path: write_json(path, record))


def read(folder: Path) -> dict[str, Any]:
    """Return what ``bench.json`` in a folder holds."""
    found: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return found


def _replace(path: Path, write_to: Callable[[Path], object]) -> None:
    beside = _beside(path)
    write_to(beside)
    beside.replace(path)


def _beside(path: Path) -> Path:
    return path.with_name(f".unfinished.{path.name}")
