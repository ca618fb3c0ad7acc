"""The picture of the ranks: what it shows, for any names, and that all of it can be read."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adalora import ConfigError
from adalora.rank_map import printable, rank_map, shade

SVG = "{http://www.w3.org/2000/svg}"
MINILM = {
    f"encoder.layer.{layer}.{word}": (layer * 5 + position) % 13
    for layer in range(6)
    for position, word in enumerate(
        ["attention.self.query", "attention.self.key", "attention.output.dense", "output.dense"]
    )
}


def parsed(ranks, initial=12):
    return ET.fromstring(rank_map(ranks, initial))  # noqa: S314


def texts(root):
    """Return the texts outside the cells."""
    return [one.text for one in root.findall(f"{SVG}text")]


def cells(root):
    """Return the tooltip, the rectangle and the number of each cell."""
    return [tuple(group) for group in root.findall(f"{SVG}g")]


def box(rectangle):
    x, y, width, height = (float(rectangle.get(key)) for key in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def test_rows_are_types_and_columns_are_layers():
    root = parsed(MINILM)
    assert texts(root) == [
        "Rank of each adapted matrix",
        f"A total rank of {sum(MINILM.values())} in 24 modules, {sum(MINILM.values()) / 24:.1f} on average; the initial rank is 12",
        "matrix type",
        *("attention.self.query", "attention.self.key", "attention.output.dense", "output.dense"),
        *"012345",
        "layer",
    ]
    assert [(tip.text, number.text) for tip, _, number in cells(root)] == [
        (f"{name}: {rank}", str(rank)) for name, rank in MINILM.items()
    ]
    corners = [box(rectangle)[:2] for _, rectangle, _ in cells(parsed(dict.fromkeys(MINILM, 1)))]
    assert [len({corner[axis] for corner in corners}) for axis in (0, 1)] == [6, 4]


def test_the_higher_the_rank_the_darker_and_none_is_no_shade_at_all():
    fills = [rectangle.get("fill") for _, rectangle, _ in cells(parsed({f"h.{i}.q": i for i in range(13)}))]
    assert fills[0] == "#ffffff"
    assert fills[1:] == sorted(set(fills[1:]), reverse=True)
    edges = [rectangle.get("stroke") for _, rectangle, _ in cells(parsed({"h.0.q": 0, "h.1.q": 1}))]
    assert edges[0]
    assert edges[1] is None
    half = parsed({"h.0.q": 6}), parsed({"h.0.q": 12}, initial=24)
    assert len({cells(root)[0][1].get("fill") for root in half}) == 1


@given(st.floats(0, 1))
def test_every_number_stands_out_from_its_cell(share):
    def light(colour):
        values = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    fill, ink = map(light, shade(share))
    assert max(fill, ink) / min(fill, ink) >= 4.5


def test_what_is_in_no_layer_has_a_column_of_its_own():
    root = parsed({"bert.layer.0.query": 3, "bert.pooler.dense": 2, "classifier": 4})
    assert texts(root)[-4:] == ["0", "outside", "the layers", "layer"]
    query, pooler, head = (box(rectangle) for _, rectangle, _ in cells(root))
    assert query[2] < pooler[0] == head[0]
    without = parsed({"up": 3, "down": 0})
    assert texts(without)[-2:] == ["outside", "the layers"]


def test_one_module():
    root = parsed({"model.encoder.layer.4.query": 1})
    assert texts(root)[1:] == [
        "A total rank of 1 in 1 module, 1.0 on average; the initial rank is 12",
        *("matrix type", "query", "4", "layer"),
    ]


def test_no_module_is_an_error():
    with pytest.raises(ConfigError, match=r"ranks is \{\}; allowed: at least one adapted matrix"):
        rank_map({}, 4)


def test_names_are_text_and_nothing_else():
    names = ['a.<script>alert("1")</script>.q', "a.]]>&amp;.v", "a.\x00\ud800\n\t.k", "a." + "long" * 30]
    text = rank_map(dict.fromkeys(names, 2), 4)
    assert "<script" not in text
    root = ET.fromstring(text)  # noqa: S314
    assert [tip.text for tip, _, _ in cells(root)] == [
        'a.<script>alert("1")</script>.q: 2',
        "a.]]>&amp;.v: 2",
        "a.\ufffd\ufffd .k: 2",
        f"a.{'long' * 30}: 2",
    ]
    assert f"…{('long' * 30)[-47:]}" in texts(root)
    assert text.encode()


NAMES = st.lists(st.one_of(st.sampled_from(["layer", "0", "1", "q"]), st.text(max_size=5)), min_size=1)


@given(
    st.dictionaries(NAMES.map(".".join), st.integers(0, 2000), min_size=1, max_size=12), st.integers(1, 99)
)
def test_every_cell_is_on_the_page_and_covers_no_other(ranks, initial):
    root = parsed(ranks, initial)
    found = cells(root)
    assert [int(number.text) for _, _, number in found] == list(ranks.values())
    assert [tip.text for tip, _, _ in found] == [f"{printable(name)}: {rank}" for name, rank in ranks.items()]
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [box(rectangle) for _, rectangle, _ in found]
    assert all(0 < x < right < width and 0 < y < bottom < height for x, y, right, bottom in boxes)
    for position, (x, y, right, bottom) in enumerate(boxes):
        for left, top, end, low in boxes[:position]:
            assert right <= left or end <= x or bottom <= top or low <= y
