"""Folders that the `peft` library has written: LoRA, rsLoRA, DoRA and AdaLoRA."""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch

from adalora import CheckpointError
from adalora.files import tensor_shapes
from adalora.header import shortened
from adalora.interchange.folder import CONFIG, TENSORS, contents, read_config, scale_of

from ..arrays import Mask
from ..records import AdapterRecord, Factors
from .base_weights import finder
from .tensors import Reader, double, reader_of, rounding


def records_of_peft(folder: Path, base_model: str | None) -> list[AdapterRecord]:
    """Return a record for each matrix of an adapter of the `peft` library.

    Args:
        folder: with ``adapter_config.json``.
        base_model: where the pretrained weights are; None for what the adapter says.

    Raises:
        CheckpointError: a file is missing, damaged, or of a kind that is not read.
    """
    config = read_config(folder)
    if config.get("target_parameters"):
        raise CheckpointError(
            f"{folder / CONFIG}: target_parameters is {shortened(repr(config['target_parameters']))}; "
            f"allowed: none, since their factors are not one matrix."
        )
    shapes = tensor_shapes(folder / TENSORS)
    keys = contents(shapes).factors
    if not keys:
        raise CheckpointError(f"{folder / TENSORS} holds no factor of a LoRA; its tensors: {_some(shapes)}.")
    read, find = (
        reader_of(folder / TENSORS),
        finder(base_model or str(config.get("base_model_name_or_path") or "")),
    )
    records = []
    for module, letters in keys.items():
        if not {"A", "B"} <= set(letters):
            raise CheckpointError(f"{folder / TENSORS} holds only a part of {module}; the file is damaged.")
        if min(len(shapes[letters[letter]]) for letter in "AB") < 2:
            raise CheckpointError(f"{folder / TENSORS}: a factor of {module} is no matrix; it is damaged.")
        r, *rest = shapes[letters["A"]]
        d1, d2 = shapes[letters["B"]][0], math.prod(rest)
        if shapes[letters["B"]][1] != r:
            raise CheckpointError(
                f"{folder / TENSORS}: the factors of {module} have ranks {r} and "
                f"{shapes[letters['B']][1]}; the file is damaged."
            )
        records.append(
            AdapterRecord(
                module=module,
                update="svd" if "E" in letters else "lora",
                shape=(d1, d2),
                rank=r,
                scale=scale_of(config, module, r),
                read=partial(_factors, read, letters),
                base=find(module, (d1, d2), transposed=bool(config.get("fan_in_fan_out"))),
                dora=bool(config.get("use_dora")),
            )
        )
    return records


def _factors(read: Reader, letters: Mapping[str, str]) -> Factors:
    left, right = read(letters["B"]).flatten(1), read(letters["A"]).flatten(1)
    lam = read(letters["E"]).flatten() if "E" in letters else None
    return Factors(
        left=double(left),
        lam=None if lam is None else double(lam),
        right=double(right),
        alive=_alive(lam, len(right)),
        eps=rounding(left, right),
    )


def _alive(lam: torch.Tensor | None, r: int) -> Mask:
    """Return the mask: while it trains, peft prunes by setting λ to zero, and keeps no mask."""
    return np.ones(r, dtype=bool) if lam is None else (lam != 0).numpy()


def _some(names: Mapping[str, object]) -> str:
    return ", ".join(list(names)[:3]) or "none"
