"""What a stranger may do to files: bytes changed, JSON of the wrong shape, names that lead elsewhere."""

import json
import os
import struct

from hypothesis import strategies as st

DEEP = "[" * 100_000
ODD = [
    None, True, -1, 0, 2**63, 10**400, 1e999, float("nan"), "", "../../x", "/etc/passwd", "\ud800", "a\0b", "(a+)+$",
    [], {}, [[]], ["../x"], {"a": {}}, [1, 2], ["a"] * 3, "x" * 2000,
]  # fmt: skip

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "zero", "number"]),
        st.integers(0, 2**31),
        st.binary(min_size=1, max_size=12),
    ),
    min_size=1,
    max_size=4,
)


def bend(data, changes):
    """Return bytes with some of them changed, cut off or put in, mostly near the beginning."""
    data = bytearray(data)
    for what, where, piece in changes:
        if not data:
            return bytes(piece)
        at = where % (len(data) if where % 3 else min(len(data), 400))
        if what == "flip":
            data[at] ^= piece[0] or 1
        elif what == "cut":
            del data[at:]
        elif what == "insert":
            data[at:at] = piece
        elif what == "zero":
            data[at : at + 8] = b"\0" * 8
        else:
            data[at : at + 1] = str(piece[0] * 10 ** (piece[-1] % 30)).encode()
    return bytes(data)


@st.composite
def bent_json(draw, value):
    """Return the text of a JSON value with one part of it another: of a wrong type, missing, doubled, endless."""
    value = json.loads(json.dumps(value))
    parent, key, here = None, None, value
    while isinstance(here, dict | list) and here and (parent is None or draw(st.integers(0, 3))):
        parent = here
        key = draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        here = here[key]
    what = draw(st.sampled_from(["odd", "odd", "odd", "gone", "name", "deep", "twice", "many"]))
    if what == "odd":
        parent[key] = draw(st.sampled_from(ODD))
    elif what == "gone":
        del parent[key]
    elif what == "name" and isinstance(parent, dict):
        parent[str(draw(st.sampled_from(ODD)))] = parent.pop(key)
    elif what == "many" and isinstance(here, dict):
        here |= {f"{number}.x": next(iter(here.values()), None) for number in range(100_000)}
    elif what == "many":
        parent[key] = ["query"] * 100_000
    elif what == "deep":
        parent[key] = "@"
        return json.dumps(value).replace('"@"', DEEP)
    text = json.dumps(value)
    return text[:-1] + "," + text[1:] if what == "twice" and text.startswith("{") else text


def claiming(size, name="x", shape=None, begin=0, rest=b""):
    """Return a safetensors file whose header claims a tensor of so many numbers."""
    entry = {
        "dtype": "F32",
        "shape": [size] if shape is None else shape,
        "data_offsets": [begin, begin + 4 * size],
    }
    head = json.dumps({name: entry}).encode()
    return struct.pack("<Q", len(head)) + head + rest


TERABYTES = {
    "a tensor": claiming(10**12),
    "a header": struct.pack("<Q", 2**60) + b"{}",
    "a size": struct.pack("<Q", 2**64 - 1),
    "overflow": claiming(2, shape=[2**63, 2]),
    "overlap": claiming(2, begin=-4, rest=b"\0" * 8),
    "hole": claiming(1, begin=10**12, rest=b"\0" * 4),
    "empty": b"",
}


def in_place_of(path, what):
    """Put something that is no plain file where a file was."""
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "loop":
        path.symlink_to(path)
    elif what == "sparse":
        with path.open("wb") as file:
            file.write(claiming(10**12))
            file.truncate(len(claiming(10**12)) + 4 * 10**12)
    elif what == "sparse text":
        with path.open("wb") as file:
            file.truncate(10**12)


STRANGE = ["folder", "pipe", "device", "loop", "sparse", "sparse text", "nothing"]
