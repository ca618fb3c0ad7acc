"""Files that may come from someone else: none without end, none that is all holes."""

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

JSON_LIMIT = 32 * 2**20  # bytes of a header: a hundred thousand modules take a third of it
_DEPTH = 32
_HOLES = 64 * 2**20  # from this size on a file has to take some of its size on the disk
_FEWEST = 1000  # no file system packs weights into a thousandth of their size
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # half of a character that JSON writes in two


def require_regular(path: Path) -> None:
    """Raise unless a path leads to a plain file: reading a pipe or a device could last for ever.

    Raises:
        OSError: it does not, there is none, or the file is a hole that claims to be large.
    """
    try:
        _require(path.stat(), path)
    except ValueError as error:  # a NUL in the name
        raise OSError(f"{path!s} is no name of a file") from error


def read_text(path: Path, limit: int) -> str:
    """Return a plain file of at most ``limit`` bytes as text.

    Raises:
        OSError: it cannot be read, is no plain file, or is larger.
        UnicodeDecodeError: it is not UTF-8.
    """
    try:
        # Without waiting: a pipe that nobody writes to would never open, and is looked at only then.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except ValueError as error:
        raise OSError(f"{path!s} is no name of a file") from error
    with os.fdopen(number, "rb") as file:
        found = os.fstat(number)
        _require(found, path)
        data = b"" if found.st_size > limit else file.read(limit + 1)
    if found.st_size > limit or len(data) > limit:
        raise OSError(f"it has {found.st_size:,} bytes, and at most {limit:,} are read")
    return data.decode("utf-8")


def parse_json(text: str) -> Any:
    """Return what JSON holds; halves of characters and endless nesting are refused.

    Raises:
        ValueError: it is no such JSON.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested without end") from error
    level = [value]
    for _ in range(_DEPTH):
        level = [child for one in level for child in _inside(one) if isinstance(child, dict | list)]
        if not level:
            break
    else:
        raise ValueError(f"it is nested more than {_DEPTH} times")
    if _HALF.search(text):
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # raises where a half stands alone
    return value


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _require(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path!s} is no plain file")
    on_disk = getattr(found, "st_blocks", found.st_size) * 512
    if found.st_size > _HOLES and on_disk * _FEWEST < found.st_size:
        raise OSError(f"it claims {found.st_size:,} bytes, of which the disk holds {on_disk:,}")
