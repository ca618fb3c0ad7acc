"""Names and checks of the tensors in a controller's saved state."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from .errors import CheckpointError
from .scorers import State


def tensor_names(modules: Iterable[str]) -> list[str]:
    """Name the flat list of weights: P, λ and Q of each module in turn."""
    return [f"{module}.{factor}" for module in modules for factor in ("P", "lam", "Q")]


def read_tensors(fresh: State, names: Sequence[str], saved: Mapping[str, Tensor]) -> State:
    """Return a state like ``fresh`` with the saved values, on the devices and in the types of ``fresh``.

    Raises:
        CheckpointError: names or shapes differ, or a value is not finite.
    """
    wanted = {f"{average}.{name}" for average in fresh for name in names}
    if wanted != set(saved):
        missing, unknown = sorted(wanted - set(saved)), sorted(set(saved) - wanted)
        raise CheckpointError(
            f"the controller's state is of other matrices: missing {missing[:3]}, not expected {unknown[:3]}."
        )
    return {
        average: [_fit(f"{average}.{name}", saved, like) for name, like in zip(names, tensors, strict=True)]
        for average, tensors in fresh.items()
    }


def _fit(name: str, saved: Mapping[str, Tensor], like: Tensor) -> Tensor:
    tensor = saved[name]
    if tensor.shape != like.shape:
        raise CheckpointError(
            f"the controller's {name!r} has shape {tuple(tensor.shape)}; the model needs {tuple(like.shape)}."
        )
    if not bool(torch.isfinite(tensor).all()):
        raise CheckpointError(
            f"the controller's {name!r} has a NaN or an infinite value; the file is damaged."
        )
    return tensor.to(device=like.device, dtype=like.dtype, copy=True)
