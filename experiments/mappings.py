"""YAML files of settings, as they stand there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from adalora.errors import ConfigError


def read_mapping(path: Path) -> Mapping[str, Any]:
    """Return what a YAML file holds.

    Raises:
        ConfigError: the file cannot be read, or holds something else than names and values.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path} holds {value!r}; allowed: settings, one NAME: VALUE a line.")
    return value


def flatten(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested settings by their full names, such as ``adapter.rank``."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= (
            flatten(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
        )
    return found
