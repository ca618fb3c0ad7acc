"""The curves: how the budget falls between warm-up and the final phase.

In the formulas p = (t − t_i) / (T − t_i − t_f) runs from 0 to 1, and b is rounded down.
"""

import math
from dataclasses import dataclass

from .errors import require
from .schedule import Schedule


@dataclass(frozen=True)
class CubicSchedule(Schedule):
    """The curve of AdaLoRA: b = target + (initial − target)·(1 − p)³, fast at first. Exact, in integers."""

    def _excess(self, drop: int, left: int, span: int) -> int:
        return drop * left**3 // span**3


@dataclass(frozen=True)
class LinearSchedule(Schedule):
    """A straight line: b = target + (initial − target)·(1 − p). Exact, in integers."""

    def _excess(self, drop: int, left: int, span: int) -> int:
        return drop * left // span


@dataclass(frozen=True)
class CosineSchedule(Schedule):
    """Half a cosine, slow at both ends: b = target + (initial − target)·(1 + cos πp)/2."""

    def _excess(self, drop: int, left: int, span: int) -> int:
        return math.floor(drop * (1 + math.cos(math.pi * (span - left) / span)) / 2)


@dataclass(frozen=True)
class ExponentialSchedule(Schedule):
    """A decay that ends at the target: b = target + (initial − target)·(e^(−kp) − e^(−k)) / (1 − e^(−k)).

    Args:
        rate: k; above 0. Near 0 the curve is a straight line; 5 drops 92 % in the first half.

    Raises:
        ScheduleError: a field's value is not allowed.
    """

    rate: float = 5.0

    def __post_init__(self) -> None:
        """Check the shared fields, and the rate."""
        super().__post_init__()
        number = isinstance(self.rate, int | float)
        require(number and 0 < self.rate < math.inf, "rate", self.rate, "a finite number above 0")

    def _excess(self, drop: int, left: int, span: int) -> int:
        # The same quotient, written so that no rate overflows and a small one loses no digits.
        rest = math.expm1(-self.rate * left / span) / math.expm1(-self.rate)
        return math.floor(drop * rest * math.exp(-self.rate * (span - left) / span))


@dataclass(frozen=True)
class StepSchedule(Schedule):
    """Stairs of equal length and equal height, the last one down to the target. Exact, in integers.

    Args:
        stages: number of stairs; at least 1.

    Raises:
        ScheduleError: a field's value is not allowed.
    """

    stages: int = 4

    def __post_init__(self) -> None:
        """Check the shared fields, and the number of stairs."""
        super().__post_init__()
        self._require_integer("stages", at_least=1)

    def _excess(self, drop: int, left: int, span: int) -> int:
        stairs_done = (span - left) * self.stages // span
        return drop * (self.stages - stairs_done) // self.stages


@dataclass(frozen=True)
class ConstantSchedule(Schedule):
    """No curve: the initial budget throughout, then the target at once at T − t_f (one-shot pruning)."""

    def _excess(self, drop: int, left: int, span: int) -> int:  # noqa: ARG002 - one signature for all curves
        return drop
