"""The settings that come with the package, by their bare names."""

from collections.abc import Mapping
from pathlib import Path

from adalora.errors import ConfigError

from ..checks import did_you_mean

FOLDER = Path(__file__).parent.parent / "configs"
SWEEPS = FOLDER / "sweeps"


def shipped() -> dict[str, Path]:
    """Return the shipped settings of runs by name, such as ``recipe`` and ``paper/mnli``."""
    return {name: file for name, file in _below(FOLDER).items() if SWEEPS not in file.parents}


def shipped_sweeps() -> dict[str, Path]:
    """Return the shipped sweeps by name, such as ``rank``."""
    return _below(SWEEPS)


def _below(folder: Path) -> dict[str, Path]:
    files = sorted(folder.rglob("*.yaml"))
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in files}


def find(name: str, field: str = "config", files: Mapping[str, Path] | None = None) -> Path:
    """Return the file that somebody names: a path, or the bare name of a shipped file.

    Args:
        name: what they say.
        field: what it is the value of.
        files: the shipped files to choose from, by name; None for those of runs.

    Raises:
        ConfigError: it is neither; the message lists the shipped names.
    """
    path, files = Path(name), shipped() if files is None else files
    if path.is_file():
        return path
    bare = name.removesuffix(".yaml")
    if bare in files:
        return files[bare]
    raise ConfigError(
        f"{field} is {name!r}; allowed: the path of a YAML file, or a shipped one: {', '.join(files)}."
        f"{did_you_mean(bare, files)}"
    )
