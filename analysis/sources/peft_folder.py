"""Folders that the `peft` library has written: LoRA, rsLoRA, DoRA and AdaLoRA."""

import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adalora import CheckpointError
from adalora.files import read_json

from ..arrays import Mask
from ..records import AdapterRecord, Factors
from .base_weights import finder
from .tensors import Reader, double, reader_of, rounding, shapes_in

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
TYPES = ("LORA", "ADALORA")

# The letters of peft: A is the right factor, B the left one, E the diagonal of AdaLoRA.
_KEY = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_(embedding_)?(A|B|E)(?:\.weight)?")


def records_of_peft(folder: Path, base_model: str | None) -> list[AdapterRecord]:
    """Return a record for each matrix of an adapter of the `peft` library.

    Args:
        folder: with ``adapter_config.json``.
        base_model: where the pretrained weights are; None for what the adapter says.

    Raises:
        CheckpointError: a file is missing, damaged, or of a kind that is not read.
    """
    config = read_json(folder / CONFIG)
    _require_readable(folder, config)
    shapes = shapes_in(folder / TENSORS)
    keys = _keys(shapes)
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
                scale=_scale(config, module, r),
                read=partial(_factors, read, letters),
                base=find(module, (d1, d2), transposed=bool(config.get("fan_in_fan_out"))),
                dora=bool(config.get("use_dora")),
            )
        )
    return records


def _require_readable(folder: Path, config: Mapping[str, Any]) -> None:
    kind = config.get("peft_type")
    if kind not in TYPES:
        raise CheckpointError(f"{folder / CONFIG}: peft_type is {kind!r}; allowed: {', '.join(TYPES)}.")
    if config.get("target_parameters"):
        raise CheckpointError(
            f"{folder / CONFIG}: target_parameters is {config['target_parameters']}; allowed: none, since "
            f"their factors are not one matrix."
        )
    if not (folder / TENSORS).exists():
        pickled = ", and adapter_model.bin is a pickle, which is not read" if _pickle(folder) else ""
        raise CheckpointError(f"{folder} holds no {TENSORS}{pickled}; save the adapter as safetensors.")


def _pickle(folder: Path) -> bool:
    return (folder / "adapter_model.bin").exists()


def _keys(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, dict[str, str]]:
    """Return the tensors of each module by letter, modules in the order of their numbers."""
    found: dict[str, dict[str, str]] = {}
    for key in shapes:
        match = _KEY.fullmatch(key)
        if match:
            found.setdefault(match[1], {})[match[3]] = key
    return dict(sorted(found.items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort layer.2 before layer.10: a file of tensors has no order of modules."""
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in name.split(".")]


def _scale(config: Mapping[str, Any], module: str, rank: int) -> float:
    """Return s as peft computes it, with its patterns of ranks and alphas."""
    if config["peft_type"] == "ADALORA":
        initial = float(config.get("init_r", 12))
        alpha = float(config.get("lora_alpha") or 0)
        return (alpha if alpha > 0 else initial) / (initial + 1e-5)
    alpha = float(_matching(config.get("alpha_pattern"), module, config.get("lora_alpha", 8)))
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _matching(pattern: Any, module: str, default: Any) -> Any:
    for key, value in (pattern or {}).items():
        if re.match(rf"(.*\.)?({key})$", module):
            return value
    return default


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
