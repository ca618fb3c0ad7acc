"""When the budget falls: for steps that are measured one by one, and for whole runs."""

from dataclasses import dataclass

INTERVAL = 10


@dataclass(frozen=True)
class Timetable:
    """The steps of a schedule.

    Attributes:
        total: T.
        warmup: t_i, steps at the full initial budget.
        final: t_f, steps at the end with the pattern frozen.
    """

    total: int
    warmup: int
    final: int

    @property
    def decision(self) -> int:
        """T − t_f, the step at which the pattern is decided for good."""
        return self.total - self.final


# Longer than any measurement: every step scores, each tenth allocates, and hardly anything is pruned.
PRUNING = Timetable(100_000, 0, 30_000)
# The pattern is decided for good after four steps.
SHRUNK = Timetable(100_000, 0, 99_996)


def whole_run(steps: int) -> Timetable:
    """Return the timetable of a run of so many steps: 20 % warm-up, and 30 % with the pattern frozen."""
    return Timetable(steps, steps // 5, 3 * steps // 10)
