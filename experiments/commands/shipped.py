"""The settings that come with the package, by their bare names."""

from pathlib import Path

from adalora.errors import ConfigError

from ..checks import did_you_mean

FOLDER = Path(__file__).parent.parent / "configs"


def shipped() -> dict[str, Path]:
    """Return the shipped files by name, such as ``recipe`` and ``paper/mnli``."""
    files = sorted(FOLDER.rglob("*.yaml"))
    return {file.relative_to(FOLDER).with_suffix("").as_posix(): file for file in files}


def find(name: str) -> Path:
    """Return the file that a command line names: a path, or the bare name of a shipped file.

    Raises:
        ConfigError: it is neither; the message lists the shipped names.
    """
    path, files = Path(name), shipped()
    if path.is_file():
        return path
    bare = name.removesuffix(".yaml")
    if bare in files:
        return files[bare]
    raise ConfigError(
        f"config is {name!r}; allowed: the path of a YAML file, or a shipped one: {', '.join(files)}."
        f"{did_you_mean(bare, files)}"
    )
