"""The files of a run: where they lie, and when they may be written."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from adalora.errors import ConfigError

from .config import RunConfig

# Written first and last: the one says that a folder is a run's, the other that the run is finished.
CONFIG, RESULTS = "config.yaml", "results.json"
METRICS, VERSIONS, ALLOCATION = "metrics.jsonl", "versions.json", "allocation.json"
ADAPTER, TENSORBOARD, PICTURES, REPORT = "adapter", "tensorboard", "pictures", "report.html"


def path_of(config: RunConfig) -> Path:
    """Return where the run is written."""
    return Path(config.output_dir) / config.name


def require_free(config: RunConfig) -> None:
    """Raise unless the run may be written; nothing is touched.

    Raises:
        ConfigError: the folder holds a finished run and ``overwrite`` is false, or it is not a run's.
    """
    folder = path_of(config)
    if (folder / RESULTS).exists() and not config.overwrite:
        raise ConfigError(
            f"name is {config.name!r}, but {folder} holds a finished run of that name; give another name, or "
            f"set overwrite: true to replace it."
        )
    if folder.exists() and not (
        folder.is_dir() and ((folder / CONFIG).exists() or not any(folder.iterdir()))
    ):
        raise ConfigError(f"name is {config.name!r}, but {folder} exists and is no run's; give another name.")


def make(config: RunConfig) -> Path:
    """Return the run's folder, new and with nothing in it but the settings; an older run in it is removed."""
    require_free(config)
    folder = path_of(config)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(to_yaml(config), encoding="utf-8")
    return folder


def to_yaml(config: RunConfig) -> str:
    """Return the settings as YAML that ``adalora train`` reads back to equal ones."""
    text: str = yaml.safe_dump(asdict(config), sort_keys=False, allow_unicode=True)
    return text


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """Return the rows of ``metrics.jsonl``."""
    lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
