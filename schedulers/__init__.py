"""Budget schedules: how much rank may be kept at each step. Python's standard library only."""

from .curves import (
    ConstantSchedule,
    CosineSchedule,
    CubicSchedule,
    ExponentialSchedule,
    LinearSchedule,
    StepSchedule,
)
from .errors import ScheduleError
from .registry import make, names
from .schedule import Schedule

__all__ = [
    "ConstantSchedule",
    "CosineSchedule",
    "CubicSchedule",
    "ExponentialSchedule",
    "LinearSchedule",
    "Schedule",
    "ScheduleError",
    "StepSchedule",
    "make",
    "names",
]
