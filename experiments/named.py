"""Settings of a run by their full names, such as ``adapter.rank``."""

from dataclasses import replace
from typing import Any

from .config import RunConfig


def setting_of(config: RunConfig, name: str) -> Any:
    """Return the value of a setting, or a part of the settings."""
    found: Any = config
    for part in name.split("."):
        found = getattr(found, part)
    return found


def with_setting(config: RunConfig, name: str, value: Any) -> RunConfig:
    """Return the settings with another value in one place.

    Raises:
        ConfigError: the value is not allowed there.
    """
    part, _, key = name.partition(".")
    changed: Any = replace(getattr(config, part), **{key: value}) if key else value
    return replace(config, **{part: changed})
