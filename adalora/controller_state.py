"""A controller's saved state: its form, and the checks before it is taken up."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .allocation import Allocation
from .config import AllocationConfig
from .errors import CheckpointError
from .scorers import State


@dataclass(frozen=True)
class SavedState:
    """What `AdaLoRAController.state_dict` holds, checked in form.

    Attributes:
        step: optimizer steps taken.
        config: the settings of the saved run, all fields of `AllocationConfig`.
        history: budget updates so far.
        tensors: averages of the scorer, by name.
    """

    step: int
    config: dict[str, Any]
    history: tuple[Allocation, ...]
    tensors: dict[str, Tensor]


def read_state(state: Mapping[str, Any], scorer: str) -> SavedState:
    """Bring a saved state in form.

    Raises:
        CheckpointError: something is missing or of another type, or the state is of another scorer.
    """
    try:
        saved_scorer = state["config"]["scorer"]
        history = tuple(Allocation(**row) for row in state["history"])
        step, first = int(state["step"]), history[0]
        if step < 0 or first.step != 0 or not all(isinstance(row.ranks, dict) for row in history):
            raise ValueError("its history does not begin at step 0")
        if saved_scorer == scorer:
            return SavedState(step, dict(state["config"]), history, dict(state["tensors"]))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the controller's state is damaged: {error!r}.") from error
    raise CheckpointError(
        f"scorer is {saved_scorer!r} in the saved state and {scorer!r} here; use the saved one."
    )


def differences(saved: Mapping[str, Any], config: AllocationConfig) -> list[str]:
    """Name the settings of a saved run that are others here."""
    here = dataclasses.asdict(config)
    return [f"{key} {saved.get(key)!r} → {here[key]!r}" for key in here if saved.get(key) != here[key]]


def tensor_names(modules: Iterable[str]) -> list[str]:
    """Name the flat list of weights: P, λ and Q of each module in turn."""
    return [f"{module}.{factor}" for module in modules for factor in ("P", "lam", "Q")]


def fit_tensors(fresh: State, names: Sequence[str], saved: Mapping[str, Tensor]) -> State:
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
