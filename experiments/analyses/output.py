"""The folder of an analysis: written beside its place, and moved there when it is whole."""

import shutil
from collections.abc import Callable
from pathlib import Path

from adalora.errors import ConfigError

from .config import AnalysisConfig

RECORD, PAGE, PICTURES = "analysis.json", "report.html", "pictures"
_ENDINGS = (".csv", ".json", ".html")


def place_of(config: AnalysisConfig, first: Path, word: str) -> Path:
    """Return where the results go: ``output``, or NAME-WORD beside the first run."""
    if config.output is not None:
        return Path(config.output)
    run = first if first.name not in ("", "..") else first.resolve()
    return run.with_name(f"{run.name}-{word}")


def require_free(place: Path, *, overwrite: bool) -> None:
    """Raise unless the results may be written there; nothing is left behind.

    Raises:
        ConfigError: the folder holds something else, or the results of an earlier analysis and ``overwrite``
            is false, or it cannot be written to.
    """
    if place.exists() and not place.is_dir():
        raise ConfigError(f"output is '{place}', which is a file; allowed: a folder.")
    there = sorted(path.name for path in place.iterdir()) if place.exists() else []
    strange = [name for name in there if name != PICTURES and not name.endswith(_ENDINGS)]
    if there and (RECORD not in there or strange):
        what = ", ".join((strange or there)[:3])
        raise ConfigError(f"output is '{place}', which holds {what} and is no analysis; give another folder.")
    if there and not overwrite:
        raise ConfigError(
            f"output is '{place}', which holds an earlier analysis; give another folder, or set --overwrite "
            f"true to replace it."
        )
    workshop = _workshop(place)
    try:
        workshop.mkdir(parents=True, exist_ok=True)
        workshop.rmdir() if not any(workshop.iterdir()) else shutil.rmtree(workshop)
    except OSError as error:
        raise ConfigError(
            f"output is '{place}', which cannot be written: {error}; allowed: a folder in a place that you "
            f"may write to. Give one with --output."
        ) from error


def write(place: Path, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` write into a new folder, and put it in its place.

    Raises:
        ConfigError: the disk would not take it; nothing is left, and an earlier analysis is whole.
    """
    workshop = _workshop(place)
    try:
        workshop.mkdir(parents=True)
        fill(workshop)
        if place.exists():
            shutil.rmtree(place)
        workshop.replace(place)
    except OSError as error:
        raise ConfigError(f"output is '{place}', which cannot be written: {error}.") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _workshop(place: Path) -> Path:
    return place.with_name(f".{place.name}.unfinished")
