"""YAML files of settings, as they stand there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from adalora.errors import ConfigError
from adalora.foreign import read_text
from adalora.header import shortened

_LIMIT, _PARTS, _DEPTH = 2**17, 20_000, 32  # bytes; settings; levels: far more than settings need


def read_mapping(path: Path) -> Mapping[str, Any]:
    """Return what a YAML file holds.

    Raises:
        ConfigError: the file cannot be read, or holds something else than names and values.
    """
    try:
        value = yaml.safe_load(read_text(path, _LIMIT))
        _require_small(value)
    except RecursionError as error:
        raise ConfigError(f"{path} cannot be read as YAML: it is nested without end.") from error
    except (OSError, OverflowError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {' '.join(str(error).split())[:2000]}") from error
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{path} holds {shortened(repr(value), 200)}; allowed: settings, one NAME: VALUE a line."
        )
    return value


def _require_small(value: Any) -> None:
    """Raise where aliases make more of a file than stands in it, or lead back into themselves.

    Raises:
        ValueError: they do; nobody could walk over the settings.
    """
    waiting, left = [(value, 0)], _PARTS
    while waiting:
        one, depth = waiting.pop()
        left -= 1
        if left < 0 or depth > _DEPTH:
            raise ValueError(f"it has more than {_PARTS:,} parts, or is nested more than {_DEPTH} times")
        if isinstance(one, Mapping):
            waiting += [(child, depth + 1) for child in one.values()]
        elif isinstance(one, list | tuple | set):
            waiting += [(child, depth + 1) for child in one]


def flatten(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested settings by their full names, such as ``adapter.rank``."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= (
            flatten(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
        )
    return found
