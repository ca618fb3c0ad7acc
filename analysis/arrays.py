"""Numbers from whoever holds them: NumPy or torch, of any type, as float64."""

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from adalora import ConfigError

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Matrix: TypeAlias = Any  # what `matrix` takes

_NAMES = {1: "vector", 2: "matrix"}


def matrix(value: Matrix, name: str, dimensions: int = 2) -> tuple[Array, float]:
    """Return a finite matrix in float64, and the relative rounding error of the type it came in.

    Half precision counts as float32: its numbers are coarse, but a product of them was summed in float32.

    Args:
        value: a tensor on any device, or what NumPy makes an array of.
        name: of the argument, for the message.
        dimensions: that it must have.

    Raises:
        ConfigError: it has another number of dimensions, or a NaN or infinite value in it.
    """
    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu()
        value = (tensor if tensor.dtype == torch.float64 else tensor.float()).numpy()
    array = np.asarray(value)
    if array.ndim != dimensions:
        raise ConfigError(
            f"{name} has shape {array.shape}; allowed: a {_NAMES[dimensions]}, {dimensions} dimensions."
        )
    if array.dtype not in (np.float64, np.float32):
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ConfigError(f"{name} has a NaN or an infinite value; allowed: finite numbers.")
    return array.astype(np.float64), float(np.finfo(array.dtype).eps)
