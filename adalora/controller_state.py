"""A controller's saved state: its form, and the checks before it is taken up."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from schedulers import Schedule

from .config import AllocationConfig
from .errors import CheckpointError
from .history import History, read_history

_FACTORS = {"P": -1, "lam": -1, "Q": -2}  # with the dimension of the triplets


@dataclass(frozen=True)
class SavedState:
    """What `AdaLoRAController.state_dict` holds, checked in form.

    Attributes:
        step: optimizer steps taken.
        config: the settings of the saved run, all fields of `AllocationConfig`.
        history: budget updates so far.
        tensors: averages of the scorer, by name.
        skipped: steps left out, whose gradients were not finite.
    """

    step: int
    config: dict[str, Any]
    history: History
    tensors: dict[str, Tensor]
    skipped: int = 0


# What a state does that is older than the choice, and does not name it.
_OLDER = {"budget_unit": "rank", "nonfinite": "raise"}


def read_state(state: Mapping[str, Any], config: AllocationConfig) -> SavedState:
    """Bring a saved state in form.

    Raises:
        CheckpointError: something is missing or of another type, or the state is of another scorer or counts
            its budgets in another unit.
    """
    try:
        settings = {**_OLDER, **state["config"]}
        kind = {name: settings[name] for name in ("scorer", "budget_unit")}
        step, history = int(state["step"]), read_history(state["history"])
        if step < 0 or history[0].step != 0:
            raise ValueError("its history does not begin at step 0")
        differing = next((name for name in kind if kind[name] != getattr(config, name)), None)
        if differing is None:
            return SavedState(step, settings, history, dict(state["tensors"]), int(state.get("skipped", 0)))
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(f"the controller's state is damaged: {repr(error)[:500]}.") from error
    raise CheckpointError(
        f"{differing} is {repr(kind[differing])[:200]} in the saved state and "
        f"{getattr(config, differing)!r} here; use the saved one."
    )


def differences(saved: Mapping[str, Any], config: AllocationConfig) -> list[str]:
    """Name the settings of a saved run that are others here."""
    here = dataclasses.asdict(config)
    return [f"{key} {saved.get(key)!r} → {here[key]!r}" for key in here if saved.get(key) != here[key]]


def tensor_names(modules: Iterable[str]) -> list[str]:
    """Name the flat list of weights: P, λ and Q of each module in turn."""
    return [f"{module}.{factor}" for module in modules for factor in _FACTORS]


@dataclass(frozen=True)
class Average:
    """What a scorer remembers of one factor.

    Attributes:
        name: name in a saved state.
        module: the module whose update it is.
        dim: the dimension of the triplets.
        tensor: the numbers.
    """

    name: str
    module: str
    dim: int
    tensor: Tensor


def name_averages(averages: Mapping[str, Sequence[Tensor]], modules: Sequence[str]) -> Iterator[Average]:
    """Name lists of three tensors a module, P, λ and Q, or of one like λ."""
    for average, tensors in averages.items():
        factors = list(_FACTORS) if len(tensors) == len(_FACTORS) * len(modules) else ["lam"]
        names = [(module, factor) for module in modules for factor in factors]
        for (module, factor), tensor in zip(names, tensors, strict=True):
            yield Average(f"{average}.{module}.{factor}", module, _FACTORS[factor], tensor)


def check_tensors(
    averages: Sequence[Average], saved: Mapping[str, Tensor], triplets: Mapping[str, int]
) -> None:
    """Compare saved tensors with what there is.

    Args:
        averages: what there is.
        saved: saved tensors by name.
        triplets: how many triplets a module will have by the time they are taken up; as many as now where it
            is not named.

    Raises:
        CheckpointError: names or shapes differ, or a value is not finite.
    """
    wanted = {one.name for one in averages}
    if wanted != set(saved):
        missing, unknown = sorted(wanted - set(saved)), sorted(set(saved) - wanted)
        raise CheckpointError(
            f"the controller's state is of other matrices: missing {missing[:3]}, not expected {unknown[:3]}."
        )
    for one in averages:
        shape = list(one.tensor.shape)
        shape[one.dim] = triplets.get(one.module, shape[one.dim])
        found = saved[one.name]
        if list(found.shape) != shape:
            raise CheckpointError(
                f"the controller's {one.name!r} has shape {tuple(found.shape)}; the model needs "
                f"{tuple(shape)}."
            )
        if not bool(torch.isfinite(found).all()):
            raise CheckpointError(
                f"the controller's {one.name!r} has a NaN or an infinite value; the file is damaged."
            )


def resumed(schedule: Schedule, saved: SavedState) -> Schedule:
    """Return the schedule with the budget that the saved run began with: its tensors may have shrunk since.

    Raises:
        CheckpointError: that budget cannot be.
    """
    try:
        return dataclasses.replace(schedule, initial=saved.history[0].budget)
    except (OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(f"the controller's state is damaged: {error}") from error
