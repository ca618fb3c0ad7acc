"""Names that mean some modules of a model and no others, for `peft` and for our own configurations."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .candidates import has_suffix


def exact_names(wanted: Collection[str], every: Iterable[str]) -> list[str] | str:
    """Return the shortest suffixes that mean these modules alone; or a pattern, where no suffix does.

    Args:
        wanted: dotted names of modules.
        every: the names of all modules of the model.
    """
    every, meant = list(every), set(wanted)
    for length in range(1, max((name.count(".") for name in wanted), default=0) + 2):
        suffixes = list(dict.fromkeys(".".join(name.split(".")[-length:]) for name in wanted))
        last = {suffix.rpartition(".")[2] for suffix in suffixes}
        near = [name for name in every if name.rpartition(".")[2] in last]
        if {name for name in near if any(has_suffix(name, suffix) for suffix in suffixes)} == meant:
            return suffixes
    return f"(?:{'|'.join(re.escape(name) for name in wanted)})"  # never one word that means a preset


_REPETITIONS = 3


def anchored(name: str) -> str:
    """Return a pattern of `peft` for one module; a plain name would mean longer ones too that end in it."""
    return "^" + re.escape(name)


def matching(pattern: Mapping[str, Any], module: str, default: Any) -> Any:
    """Return what a pattern of ranks or alphas says of a module, as `peft` reads it.

    Raises:
        ValueError: a key is a regular expression that could take for ever; the file may come from someone
            else.
    """
    for key, value in pattern.items():
        if re.search(r"\)[*+{]", key) or len(re.findall(r"(?<!\\)[*+{]", key)) > _REPETITIONS:
            raise ValueError(f"{key!r} repeats a group, or repeats more than {_REPETITIONS} times")
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return default
