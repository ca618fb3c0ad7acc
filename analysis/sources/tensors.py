"""Tensors of a safetensors file, one at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from adalora import CheckpointError
from adalora.files import reading

from ..arrays import Array

Reader = Callable[[str], torch.Tensor]


def reader_of(path: Path) -> Reader:
    """Return a function that reads one tensor of a file by name.

    The file is opened for each: a mapping that stays would hold every page that was ever read.
    """

    def read(name: str) -> torch.Tensor:
        with _opened(path) as file:
            try:
                tensor: torch.Tensor = file.get_tensor(name).clone()
            except SafetensorError as error:
                raise CheckpointError(f"{path} has no tensor {name!r}: {error}.") from error
        return tensor

    return read


def reader_in(tensors: Mapping[str, torch.Tensor]) -> Reader:
    """Return a function that takes one of several tensors by name."""
    return lambda name: tensors[name]


def double(tensor: torch.Tensor) -> Array:
    """Return a tensor in float64."""
    return np.asarray(tensor.detach().to("cpu", torch.float64).numpy())


def rounding(*tensors: torch.Tensor) -> float:
    """Return the relative rounding error of the coarsest tensor; half precision counts as float32."""
    exact = all(tensor.dtype == torch.float64 for tensor in tensors)
    return float(torch.finfo(torch.float64 if exact else torch.float32).eps)


def _opened(path: Path) -> Any:
    with reading(path):
        return safe_open(path, framework="pt")
