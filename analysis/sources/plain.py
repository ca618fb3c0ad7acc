"""Plain state dicts: names and tensors, and nothing else."""

import re
from collections.abc import Mapping
from functools import partial

import numpy as np
import torch

from adalora import ConfigError

from ..arrays import Mask
from ..records import AdapterRecord, BaseWeight, Factors
from .tensors import double, rounding

# Ours and peft's: left, diagonal, right.
_SIDES = {"P": "left", "B": "left", "lora_B": "left", "lora_embedding_B": "left"}
_SIDES |= {"Q": "right", "A": "right", "lora_A": "right", "lora_embedding_A": "right"}
_SIDES |= {"lam": "lam", "lora_E": "lam"}
_KEY = re.compile(rf"(.+?)\.(?:updates\.\w+\.)?({'|'.join(_SIDES)})(?:\.default)?(?:\.weight)?")


def records_of_tensors(tensors: Mapping[str, torch.Tensor], scale: float) -> list[AdapterRecord]:
    """Return a record for each pair of factors among tensors.

    Args:
        tensors: factors by name: ``MODULE.P``, ``.lam``, ``.Q``; ``MODULE.B``, ``.A``; or as peft names them.
        scale: s of every matrix, which tensors do not tell.

    Raises:
        ConfigError: there is no pair of factors, or their sizes do not fit.
    """
    found: dict[str, dict[str, str]] = {}
    for key in tensors:
        match = _KEY.fullmatch(key)
        if match:
            found.setdefault(match[1].removeprefix("base_model.model."), {})[_SIDES[match[2]]] = key
    pairs = {module: sides for module, sides in found.items() if {"left", "right"} <= set(sides)}
    if not pairs:
        names = ", ".join(list(tensors)[:3]) or "none"
        raise ConfigError(
            f"the state dict holds no factors; allowed: MODULE.P with .Q, MODULE.B with .A, or lora_B with "
            f"lora_A. Its names: {names}."
        )
    return [_record(module, sides, tensors, scale) for module, sides in pairs.items()]


def _record(
    module: str, sides: Mapping[str, str], tensors: Mapping[str, torch.Tensor], scale: float
) -> AdapterRecord:
    left, right = tensors[sides["left"]].flatten(1), tensors[sides["right"]].flatten(1)
    if left.shape[1] != len(right):
        raise ConfigError(
            f"{sides['left']} has shape {tuple(left.shape)} and {sides['right']} {tuple(right.shape)}; "
            f"allowed: as many columns of the left one as rows of the right one."
        )
    lam = tensors[sides["lam"]].flatten() if "lam" in sides else None
    mask = tensors.get(f"{module}.mask")
    alive = np.ones(len(right), dtype=bool) if lam is None else (lam != 0).cpu().numpy()
    if mask is not None:
        alive = mask.bool().cpu().numpy()
    return AdapterRecord(
        module=module,
        update="lora" if lam is None else "svd",
        shape=(len(left), right.shape[1]),
        rank=int(alive.sum()),
        scale=scale,
        read=partial(_factors, left, lam, right, alive),
        base=BaseWeight(missing="a state dict does not say where it is"),
    )


def _factors(
    left: torch.Tensor,
    lam: torch.Tensor | None,
    right: torch.Tensor,
    alive: Mask,
) -> Factors:
    return Factors(
        double(left), None if lam is None else double(lam), double(right), alive, eps=rounding(left, right)
    )
