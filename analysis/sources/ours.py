"""Folders that `adalora.save` has written."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from adalora import CheckpointError
from adalora.checkpoint import HEADER
from adalora.files import tensor_shapes
from adalora.header import Header, read_header

from ..records import AdapterRecord, Factors
from .base_weights import finder
from .tensors import Reader, double, reader_of, rounding


def records_of_save(folder: Path, base_model: str | None) -> list[AdapterRecord]:
    """Return a record for each matrix of a saved adapter.

    Args:
        folder: with ``adapter.json``.
        base_model: where the pretrained weights are; None for what the adapter says.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    header = read_header(folder / HEADER)
    path = folder / header.files["adapter"]
    found = tensor_shapes(path)
    for name, shape in header.tensors().items():
        if found.get(name) != shape:
            raise CheckpointError(
                f"{path} does not hold what {HEADER} promises: {name} is {found.get(name, 'absent')}, "
                f"promised {shape}. The files are damaged."
            )
    read, find = reader_of(path), finder(base_model or header.base_model)
    records: list[AdapterRecord] = []
    for module, (*stack, d1, d2) in header.modules.items():
        numbers: list[int | None] = [*range(stack[0])] if stack else [None]
        records += [
            AdapterRecord(
                module=module if number is None else f"{module}.{number}",
                update=header.config.update,
                shape=(d1, d2),
                rank=header.ranks[module] if number is None else _rank(header, read, module, number),
                scale=header.config.scale(d1),
                read=partial(_factors, header, read, module, number),
                base=find(module, (d1, d2)),
                dora=header.config.dora,
            )
            for number in numbers
        ]
    return records


def _rank(header: Header, read: Reader, module: str, number: int) -> int:
    svd = header.config.update == "svd"
    return int(read(f"{module}.mask")[number].sum()) if svd else header.config.rank


def _factors(header: Header, read: Reader, module: str, number: int | None) -> Factors:
    def take(name: str) -> torch.Tensor:
        tensor = read(f"{module}.{name}")
        return tensor if number is None else tensor[number]

    svd = header.config.update == "svd"
    left, right = (take(name) for name in (("P", "Q") if svd else ("B", "A")))
    shift = None
    if f"{module}.origin.left" in header.tensors():
        shift = (-double(take("origin.left")), double(take("origin.right")))
    return Factors(
        left=double(left),
        lam=double(take("lam")) if svd else None,
        right=double(right),
        alive=take("mask").numpy() if svd else np.ones(len(right), dtype=bool),
        shift=shift,
        eps=rounding(left, right),
    )
