"""Results of runs in a folder, one file each, named by what was run."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adalora.errors import CheckpointError

from .. import methods
from ..config import RunConfig
from ..files import plain

# Where a run lies, and what it is called, has nothing to do with what comes out.
_NO_MATTER = ("name", "output_dir", "overwrite", "tensorboard_figures_every")


def key_of(config: RunConfig) -> str:
    """Return the hash of the settings that decide what a run comes to, 16 letters.

    Raises:
        ConfigError: the method is unknown, or a setting has no meaning for it.
    """
    method = methods.get(config.method)
    no_matter = (*_NO_MATTER, *method.ignored)
    settings = {
        name: value for name, value in asdict(method.resolve(config)).items() if name not in no_matter
    }
    text = json.dumps(settings, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


class Store:
    """A folder of results.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, config: RunConfig) -> Path:
        """Return the file of a run."""
        return self.folder / f"{key_of(config)}.json"

    def has(self, config: RunConfig) -> bool:
        """Say whether the result of a run is there."""
        return self.path(config).exists()

    def read(self, config: RunConfig) -> dict[str, Any]:
        """Return the result of a run.

        Raises:
            CheckpointError: it is not there, or damaged.
        """
        return _read(self.path(config))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield every result that is there, with its settings.

        Raises:
            CheckpointError: one is damaged.
        """
        return map(_read, sorted(self.folder.glob("*.json")))

    def write(self, config: RunConfig, result: Mapping[str, Any]) -> None:
        """Write the result of a run with its settings, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(config)
        beside = path.with_name(f".{path.name}.unfinished")
        whole = plain({"config": asdict(config), **result})
        beside.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read: {error}; remove it, and run the sweep again."
        ) from error
    return found
