"""The picture of the ranks beside a saved adapter: SVG as text, so that a save waits for no plotting."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from .checks import require
from .locate import Place, locate

_HEIGHT, _GAP, _MARGIN, _TOP, _FOOT = 26, 2, 16, 84, 54  # in pixels, as all lengths here
_OUTSIDE, _APART = 62, 14  # width of the column outside the layers, and its distance from them
_LONGEST = 48  # characters of a matrix type that are shown; the end tells more than the beginning
_INK, _MUTED, _RULE = "#1b2733", "#5c6773", "#98a2ad"
_LIGHT, _DARK = (224, 239, 254), (6, 48, 128)

_SANS = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
_MONO = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


@dataclass(frozen=True)
class _Grid:
    """Where the cells lie.

    Attributes:
        types: number of the row of each matrix type, from the top.
        layers: number of the column of each layer, from the left; None, the last, is what is outside them.
        left: where the first column begins.
        cell: width of a column of a layer.
    """

    types: dict[str, int]
    layers: dict[int | None, int]
    left: int
    cell: int

    @property
    def numbered(self) -> int:
        """Number of layers."""
        return len(self.layers) - (None in self.layers)

    @property
    def right(self) -> int:
        """Where the last column ends."""
        last = next(reversed(self.layers))
        return self.x(last) + self.width(last)

    @property
    def bottom(self) -> int:
        """Where the last row ends."""
        return _TOP + _HEIGHT * len(self.types)

    def x(self, layer: int | None) -> int:
        """Return where the column of a layer begins."""
        apart = _APART if layer is None and self.numbered else 0
        return self.left + self.cell * self.layers[layer] + apart

    def y(self, matrix_type: str) -> int:
        """Return where the row of a matrix type begins."""
        return _TOP + _HEIGHT * self.types[matrix_type]

    def width(self, layer: int | None) -> int:
        """Return the width of the column of a layer."""
        return self.cell if layer is not None else max(self.cell, _OUTSIDE)


def rank_map(ranks: Mapping[str, int], initial: int) -> str:
    """Draw the rank of every adapted matrix: a row for each matrix type, a column for each layer.

    The darker a cell, the higher the rank; one of rank 0 is empty, with a broken edge. The picture brings its
    own white ground, so that it can be read on a dark page.

    Args:
        ranks: rank by module name; a stack of matrices counts all of them.
        initial: rank with which every matrix began; a cell of it is the darkest.

    Returns:
        The SVG document, which needs nothing beside it.

    Raises:
        ConfigError: ``ranks`` is empty.
    """
    require(len(ranks) > 0, "ranks", ranks, "at least one adapted matrix")
    places = locate(ranks)
    grid = _grid(places, ranks)
    title, facts = "Rank of each adapted matrix", _facts(ranks, initial)
    width = max(grid.right, _MARGIN + round(max(8.6 * len(title), 6.6 * len(facts)))) + _MARGIN
    height = grid.bottom + _FOOT
    top = max(initial, *ranks.values(), 1)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"',
        f' viewBox="0 0 {width} {height}" font-family="{_SANS}" font-size="12" role="img">',
        f"<title>{title}: {facts}</title>",
        f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>',
        _text(_MARGIN, 28, title, _INK, anchor="start", look='font-size="15" font-weight="600"'),
        _text(_MARGIN, 47, facts, anchor="start"),
        *_rows(grid),
        *_columns(grid),
        *(_cell(grid, places[name], name, rank, top) for name, rank in ranks.items()),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def shade(share: float) -> tuple[str, str]:
    """Return the colour of a cell with this share of the highest rank, and that of the number in it.

    Black or white, whichever has the higher contrast (L₁ + 0.05) / (L₂ + 0.05) of WCAG 2.2, so 4.58 at least.
    """
    mixed = [round(light + share * (dark - light)) for light, dark in zip(_LIGHT, _DARK, strict=True)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (m / 255 for m in mixed)]
    luminance = sum(part * c for part, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) + 0.05
    return "#" + "".join(f"{c:02x}" for c in mixed), "#000000" if luminance**2 > 1.05 * 0.05 else "#ffffff"


def printable(text: str) -> str:
    """Return text in one line, with � for what has no glyph of its own, which XML may not hold either."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def _grid(places: Mapping[str, Place], ranks: Mapping[str, int]) -> _Grid:
    types = list(dict.fromkeys(place.type for place in places.values()))
    layers = sorted({place.layer for place in places.values()}, key=lambda layer: (layer is None, layer))
    labels = max([_width(_short(one)) for one in types] + [_width("matrix type")])
    digits = max(len(str(number)) for number in (*ranks.values(), *layers) if number is not None)
    rows = {one: row for row, one in enumerate(types)}
    columns = {one: column for column, one in enumerate(layers)}
    return _Grid(rows, columns, _MARGIN + labels + 10, max(30, 8 * digits + 8))


def _facts(ranks: Mapping[str, int], initial: int) -> str:
    total, modules = sum(ranks.values()), len(ranks)
    kept = f"{total:,} in {modules:,} module{'s' * (modules != 1)}, {total / modules:.1f} on average"
    return f"A total rank of {kept}; the initial rank is {initial}"


def _rows(grid: _Grid) -> Iterator[str]:
    end = grid.left - 10
    yield _text(end, _TOP - 9, "matrix type", anchor="end")
    for one in grid.types:
        look = f'font-family="{_MONO}" font-size="11"'
        yield _text(end, grid.y(one) + 17, _short(one), _INK, anchor="end", look=look)


def _columns(grid: _Grid) -> Iterator[str]:
    for layer in grid.layers:
        middle = grid.x(layer) + grid.width(layer) / 2
        if layer is not None:
            yield _text(middle, grid.bottom + 17, str(layer), _INK)
        else:
            yield _text(middle, grid.bottom + 17, "outside", look='font-size="11"')
            yield _text(middle, grid.bottom + 31, "the layers", look='font-size="11"')
    if grid.numbered:
        yield _text(grid.left + grid.cell * grid.numbered / 2, grid.bottom + 37, "layer")


def _cell(grid: _Grid, place: Place, name: str, rank: int, top: int) -> str:
    x, y, width = grid.x(place.layer), grid.y(place.type), grid.width(place.layer)
    fill, ink = shade(rank / top) if rank else ("#ffffff", _MUTED)
    edge = "" if rank else f' stroke="{_RULE}" stroke-dasharray="3 2"'
    inset = _GAP / 2 if rank else _GAP / 2 + 0.5
    size = f'width="{width - 2 * inset:g}" height="{_HEIGHT - 2 * inset:g}"'
    tip = f"<title>{escape(printable(name))}: {rank}</title>"
    box = f'<rect x="{x + inset:.10g}" y="{y + inset:.10g}" {size} rx="2" fill="{fill}"{edge}/>'
    return f"<g>{tip}{box}{_text(x + width / 2, y + 17, str(rank), ink)}</g>"


def _text(x: float, y: int, text: str, fill: str = _MUTED, *, anchor: str = "middle", look: str = "") -> str:
    place = f'x="{x:.10g}" y="{y}" text-anchor="{anchor}"'
    return f'<text {place} fill="{fill}"{" " * bool(look)}{look}>{escape(text)}</text>'


def _short(matrix_type: str) -> str:
    text = printable(matrix_type)
    return text if len(text) <= _LONGEST else "…" + text[1 - _LONGEST :]


def _width(text: str) -> int:
    """Return the width of a label; its letters are all as wide, and some in East Asia twice as wide."""
    return round(6.7 * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text))
