"""Where an adapted matrix sits in its model, read from its dotted name: which layer, which matrix type."""

from collections.abc import Iterable
from typing import NamedTuple


class Place(NamedTuple):
    """Layer and type of a matrix.

    Attributes:
        layer: index of the layer in its stack; None for a matrix outside every numbered stack.
        type: what the matrix is, the same word in every layer: ``"attention.self.query"``.
    """

    layer: int | None
    type: str


def locate(names: Iterable[str]) -> dict[str, Place]:
    """Return the place of every module, in the given order; no two modules share one.

    The first all-digit component of a name is the layer. The type is the rest, without what all names begin
    with. Stack names and further numbers (``encoder.block.0.layer.1.wi`` → ``encoder.wi``) are left out too,
    unless two modules would then collide.

    Args:
        names: dotted module names, each one once.
    """
    parts = {name: name.split(".") for name in names}
    for split in (_short, _long, _whole):
        paths = {name: split(components) for name, components in parts.items()}
        if len(set(paths.values())) == len(paths):
            break
    shared = _shared_prefix([path for _, path in paths.values()])
    return {name: Place(layer, ".".join(path[shared:])) for name, (layer, path) in paths.items()}


_Path = tuple[int | None, tuple[str, ...]]


def _short(parts: list[str]) -> _Path:
    """Leave out every number together with the name of the stack that it counts in."""
    words: list[str] = []
    for part in parts:
        if not part.isdecimal():
            words.append(part)
        elif words:
            words.pop()
    # A name that ends in its number, such as "net.0", would be left without a type.
    rest = words or [part for part in parts if not part.isdecimal()] or parts
    return _layer(parts), tuple(rest)


def _long(parts: list[str]) -> _Path:
    """Leave out only the number of the layer."""
    layer = next((position for position, part in enumerate(parts) if part.isdecimal()), len(parts))
    return _layer(parts), (*parts[:layer], *parts[layer + 1 :])


def _whole(parts: list[str]) -> _Path:
    """Leave out nothing: a matrix of its own type, in no layer."""
    return None, tuple(parts)


def _layer(parts: list[str]) -> int | None:
    return next((int(part) for part in parts if part.isdecimal()), None)


def _shared_prefix(paths: list[tuple[str, ...]]) -> int:
    """Count the components that all paths begin with; the last one of a path is never counted."""
    length = 0
    for column in zip(*(path[:-1] for path in paths), strict=False):
        if len(set(column)) > 1:
            break
        length += 1
    return length
