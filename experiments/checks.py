"""How a setting with a wrong value is refused: field, value, what is allowed, what comes close."""

from collections.abc import Iterable
from difflib import get_close_matches

from adalora.checks import require
from adalora.errors import ConfigError

__all__ = ["did_you_mean", "require", "unknown"]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return `` Did you mean 'a' or 'b'?`` for the names that come close to ``name``, or nothing."""
    near = get_close_matches(name, list(names), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def unknown(field: str, name: str, names: Iterable[str]) -> ConfigError:
    """Return the error for a name that a table does not have."""
    names = list(names)
    return ConfigError(f"{field} is {name!r}; allowed: {', '.join(names)}.{did_you_mean(name, names)}")
