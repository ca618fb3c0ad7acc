"""What the runs of a sweep are called: by what varies."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any


def name_of(changes: Mapping[str, Any]) -> str:
    """Return a name for a run that tells its changes, such as ``rank_8-seed_0``, fit for a folder.

    What had to be left out of it, a slash or a hundredth letter, is told by a hash at its end.
    """
    whole = "-".join(f"{_last(name, changes)}_{_said(value)}" for name, value in changes.items())
    fit = re.sub(r"[^A-Za-z0-9_.+-]", ".", whole).replace("+", "")[:91]
    return fit if fit == whole else f"{fit}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def in_words(changes: Mapping[str, Any]) -> str:
    """Return changes for a message, with the full names of the settings."""
    return "(" + ", ".join(f"{name}={_said(value)}" for name, value in changes.items()) + ")"


def _last(name: str, names: Iterable[str]) -> str:
    """Return the last part of a setting's name, or all of it where another one ends alike."""
    last = name.rpartition(".")[2]
    return name if sum(other.rpartition(".")[2] == last for other in names) > 1 else last


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ".".join(f"{name}_{_said(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ".".join(map(_said, value))
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)
