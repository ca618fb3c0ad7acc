"""The size of a safetensors file that is not there yet."""

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import prod

import torch

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_COUNT = 8  # bytes in front, which say how long the header is; the header fills up to a multiple of as many

Entry = tuple[Sequence[int], torch.dtype]


def file_bytes(entries: Mapping[str, Entry]) -> int:
    """Return the bytes of a file with these tensors: their numbers, and a header that names every one.

    Args:
        entries: shape and type of each tensor by name.
    """
    # As the format has it: large numbers in front, and by name.
    entries = dict(sorted(entries.items(), key=lambda one: (-one[1][1].itemsize, one[0])))
    sizes = [prod(shape) * dtype.itemsize for shape, dtype in entries.values()]
    ends = list(accumulate(sizes, initial=0))
    header = {
        name: {
            "dtype": _NAMES.get(dtype, str(dtype)),
            "shape": list(shape),
            "data_offsets": [begin, end],
        }
        for (name, (shape, dtype)), begin, end in zip(entries.items(), ends[:-1], ends[1:], strict=True)
    }
    text = len(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode())
    return _COUNT + -(-text // _COUNT) * _COUNT + ends[-1]
