"""Results of runs in a folder, one file each, named by what was run."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adalora.errors import CheckpointError, ConfigError

from .. import methods
from ..config import RunConfig
from ..files import plain
from ..space import free

# Where a run lies, and what it is called, has nothing to do with what comes out.
_NO_MATTER = ("name", "output_dir", "overwrite", "resume", "tensorboard_figures_every")

# Settings that are younger than results that are kept, and what every run did before: a run that still does
# that has the hash which it would have had then.
_LATER = {("allocation", "nonfinite"): "raise"}


class FolderError(ConfigError):
    """The folder of a sweep cannot be written to, so no run can leave its result there."""


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
    for (part, name), usual in _LATER.items():
        if part in settings and settings[part][name] == usual:
            del settings[part][name]
    text = json.dumps(settings, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


class Store:
    """A folder of results, and of the reasons why there are none.

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
        """Write the result of a run with its settings, whole or not at all.

        Raises:
            FolderError: the folder cannot be written to, or the disk is full.
        """
        self._write(self.path(config), config, result)
        self.forget_failure(config)

    def failure_path(self, config: RunConfig) -> Path:
        """Return the file that says why a run has failed."""
        return self.path(config).with_suffix(".failed")

    def failure(self, config: RunConfig) -> str | None:
        """Return why a run has failed; None where it has not.

        Raises:
            CheckpointError: the file is damaged.
        """
        path = self.failure_path(config)
        return str(_read(path)["reason"]) if path.exists() and not self.has(config) else None

    def waits(self, config: RunConfig) -> bool:
        """Say whether a run has neither a result nor a failure.

        Raises:
            CheckpointError: the file of a failure is damaged.
        """
        return not self.has(config) and self.failure(config) is None

    def write_failure(self, config: RunConfig, reason: str, traceback: str) -> None:
        """Write why a run has failed, whole or not at all.

        Raises:
            FolderError: the folder cannot be written to, or the disk is full.
        """
        self._write(self.failure_path(config), config, {"reason": reason, "traceback": traceback})

    def forget_failure(self, config: RunConfig) -> None:
        """Remove what says why a run has failed, if it has."""
        self.failure_path(config).unlink(missing_ok=True)

    def _write(self, path: Path, config: RunConfig, what: Mapping[str, Any]) -> None:
        whole = plain({"config": asdict(config), **what})
        data = (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
        beside = path.with_name(f".{path.name}.unfinished")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(data)
                beside.replace(path)
            except OSError:
                beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise FolderError(
                f"{path} cannot be written: {error.strerror}. It needs {len(data):,} bytes, and "
                f"{free(path.parent)}; make room, or give another output, and run the sweep again: what has "
                f"finished is kept."
            ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read: {error}; remove it, and run the sweep again."
        ) from error
    return found
