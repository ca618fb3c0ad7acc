"""How a setting is checked and put in form: field, value, and what is allowed."""

from collections.abc import Iterable
from math import isfinite, nan
from typing import SupportsFloat, SupportsIndex

from .errors import ConfigError


def require(allowed: bool, name: str, value: object, what: str) -> None:
    """Raise a `ConfigError` that names field, value and what is allowed, unless the value is ``allowed``."""
    if not allowed:
        raise ConfigError(f"{name} is {value!r}; allowed: {what}.")


def integer(name: str, value: object, least: int) -> int:
    """Return ``value`` as an int of Python's own, whatever library it comes from."""
    what = f"an integer of at least {least}"
    if isinstance(value, bool) or not isinstance(value, SupportsIndex) or value.__index__() < least:
        raise ConfigError(f"{name} is {value!r}; allowed: {what}.")
    return value.__index__()


def number(name: str, value: object, what: str) -> float:
    """Return ``value`` as a finite float; ``what`` says in the error what else is asked of it."""
    try:
        found = nan if isinstance(value, bool) or not isinstance(value, SupportsFloat) else float(value)
    except (
        OverflowError,
        RuntimeError,
        TypeError,
        ValueError,
    ):  # an array of several numbers has a float too
        found = nan
    if not isfinite(found):
        raise ConfigError(f"{name} is {value!r}; allowed: {what}.")
    return found


def names(name: str, value: object) -> list[str]:
    """Return ``value``, a list or another collection of names, as a new list."""
    what = "a list of names"
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        raise ConfigError(f"{name} is {value!r}; allowed: {what}.")
    found: list[str] = list(value)
    require(all(isinstance(one, str) and one for one in found), name, value, what)
    return found


def one_of(name: str, value: object, allowed: Iterable[str]) -> None:
    """Raise unless ``value`` is one of the allowed words."""
    words = list(allowed)
    require(value in words, name, value, " or ".join(map(repr, words)))
