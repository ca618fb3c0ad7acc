"""Names that mean some modules of a model and no others, for `peft` and for our own configurations."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
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


_MOST = 20_000  # modules that a pattern of ranks may name
_LONGEST, _STEPS, _NAME = 100_000, 100_000, 50  # letters of a pattern; ways to try; letters of a name

_TOGETHER = 300_000  # ways of all patterns


def anchored(name: str) -> str:
    """Return a pattern of `peft` for one module; a plain name would mean longer ones too that end in it."""
    return "^" + re.escape(name)


def is_cheap(pattern: str) -> bool:
    """Tell whether a regular expression takes a moment on the name of a module, whatever the name."""
    return _ways(pattern) <= _STEPS


@lru_cache(maxsize=_MOST)
def _ways(pattern: str) -> int:
    """Count the ways that there can be to match, at most; one more than are tried where there is no end.

    Each repetition may end at any letter of the name, what is optional may be there or not, and each group
    may take any of its alternatives. What repeats a group, looks around or refers back counts as endless.
    """
    if len(pattern) > _LONGEST or re.search(r"\\[1-9]", pattern):
        return _STEPS + 1
    plain = re.sub(r"\\.", "x", pattern, flags=re.DOTALL)
    plain = re.sub(r"\[\^?\]?[^\]]*\]", "x", plain)
    if re.search(r"\(\?(?!:)|\)[*+{]", plain):
        return _STEPS + 1
    plain = plain.replace("(?:", "(")
    factors = [_NAME] * len(re.findall(r"[*+{]", plain)) + [2] * plain.count("?")
    open_groups = [1]
    for letter in plain:
        if letter == "(":
            open_groups.append(1)
        elif letter == "|":
            open_groups[-1] += 1
        elif letter == ")" and len(open_groups) > 1:
            factors.append(open_groups.pop())
    ways = 1
    for factor in (*factors, *open_groups):
        ways = min(ways * factor, _STEPS + 1)
    return ways


def matching(pattern: Mapping[str, Any], module: str, default: Any) -> Any:
    """Return what a pattern of ranks or alphas says of a module, as `peft` reads it.

    Raises:
        ValueError: a key is a regular expression that could take for ever, or there are too many; the file
            may come from someone else.
    """
    if len(pattern) > _MOST:
        raise ValueError(f"there are {len(pattern):,} patterns; allowed: {_MOST:,}")
    ways = 0
    for key, value in pattern.items():
        if not module.endswith(_tail(key)):
            continue
        ways += _ways(key)
        if ways > _TOGETHER:
            raise ValueError(f"{key[:200]!r} and those before it repeat or choose more often than names need")
        if _compiled(key).match(module):
            return value
    return default


@lru_cache(maxsize=_MOST)
def _tail(key: str) -> str:
    """Return letters in which every name ends that a key can mean: most keys are names, and most differ."""
    plain = re.fullmatch(r"\^?(?:[A-Za-z0-9_.]|\\[.-])*", key)
    return re.split(r"[^A-Za-z0-9_]", key)[-1] if plain else ""


@lru_cache(maxsize=_MOST)
def _compiled(key: str) -> re.Pattern[str]:
    if not is_cheap(key):
        raise ValueError(f"{key[:200]!r} repeats a group, or repeats or chooses more often than names need")
    try:
        return re.compile(rf"(.*\.)?({key})$")
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{key[:200]!r} is no regular expression: {error}") from error
