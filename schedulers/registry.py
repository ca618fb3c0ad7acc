"""Schedules by name, as configuration files ask for them."""

from dataclasses import fields
from difflib import get_close_matches
from types import MappingProxyType

from .curves import (
    ConstantSchedule,
    CosineSchedule,
    CubicSchedule,
    ExponentialSchedule,
    LinearSchedule,
    StepSchedule,
)
from .errors import ScheduleError, require
from .schedule import Schedule

_BY_NAME: MappingProxyType[str, type[Schedule]] = MappingProxyType(
    {
        "constant": ConstantSchedule,
        "cosine": CosineSchedule,
        "cubic": CubicSchedule,
        "exponential": ExponentialSchedule,
        "linear": LinearSchedule,
        "step": StepSchedule,
    }
)
_SHARED = {field.name for field in fields(Schedule)}


def names() -> tuple[str, ...]:
    """Return the names that `make` knows, in alphabetical order."""
    return tuple(_BY_NAME)


def make(
    name: str,
    *,
    initial: int,
    target: int,
    total_steps: int,
    warmup_steps: int = 0,
    final_steps: int = 0,
    interval: int = 1,
    **options: float,
) -> Schedule:
    """Return the schedule called ``name``; the shared arguments are those of `Schedule`.

    Args:
        name: one of `names()`.
        initial: budget at the start.
        target: budget at the end.
        total_steps: steps of the whole run.
        warmup_steps: steps at the full budget.
        final_steps: steps after the last update.
        interval: steps between two updates.
        **options: what only this curve has: ``rate`` of "exponential", ``stages`` of "step".

    Raises:
        ScheduleError: an unknown name (the message lists the near ones), an option that the curve
            does not have, or a value that is not allowed.
    """
    if name not in _BY_NAME:
        near = get_close_matches(name, names())
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ScheduleError(f"schedule is {name!r}; allowed: {', '.join(names())}.{hint}")
    curve = _BY_NAME[name]
    own = tuple(field.name for field in fields(curve) if field.name not in _SHARED)
    for option in options:
        require(option in own, f"option of the {name} schedule", option, ", ".join(own) or "none")
    return curve(initial, target, total_steps, warmup_steps, final_steps, interval, **options)
