"""The three phases that all schedules share: full budget, a falling curve, the final budget."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from .errors import require


@dataclass(frozen=True)
class Schedule(ABC):
    """A budget for every step: full while warming up, then falling along a curve, then the target.

    With t the step, counted from 1, T = ``total_steps``, t_i = ``warmup_steps`` and t_f = ``final_steps``:
    b(t) = ``initial`` for t ≤ t_i, ``target`` for t ≥ T − t_f (also beyond T), and in between the curve
    that a subclass draws (AdaLoRA, arXiv 2303.10512, equation 12). Frozen and without state.

    Args:
        initial: b⁽⁰⁾, budget at the start; at least 0. Any unit will do: triplets, parameters.
        target: b⁽ᵀ⁾, budget at the end; from 0 to ``initial``.
        total_steps: T, steps of the whole run; at least 1.
        warmup_steps: t_i, steps at the full budget.
        final_steps: t_f, steps after the last update; t_i + t_f < T.
        interval: ΔT, steps between two updates.

    Raises:
        ScheduleError: a field's value is not allowed.
    """

    initial: int
    target: int
    total_steps: int
    warmup_steps: int = 0
    final_steps: int = 0
    interval: int = 1

    def __post_init__(self) -> None:
        """Check every field, and the fields against each other."""
        self._require_integer("initial", at_least=0)
        self._require_integer("target", at_least=0)
        self._require_integer("total_steps", at_least=1)
        self._require_integer("warmup_steps", at_least=0)
        self._require_integer("final_steps", at_least=0)
        self._require_integer("interval", at_least=1)
        at_most = f"at most initial = {self.initial}, since a budget never rises"
        require(self.target <= self.initial, "target", self.target, at_most)
        phases = self.warmup_steps + self.final_steps
        less = f"less than total_steps = {self.total_steps}; shorten a phase or train longer"
        require(phases < self.total_steps, "warmup_steps + final_steps", phases, less)

    def budget(self, step: int) -> int:
        """Return b(``step``), an integer from ``target`` to ``initial`` that never rises with ``step``."""
        span = self.total_steps - self.warmup_steps - self.final_steps
        left = span - (step - self.warmup_steps)
        if left >= span:
            return self.initial
        if left <= 0:
            return self.target
        return self.target + self._excess(self.initial - self.target, left, span)

    def is_update(self, step: int) -> bool:
        """Return whether the budget is applied at ``step``.

        That is at every multiple of ``interval`` after the warm-up up to T − t_f, and at T − t_f itself.
        """
        last = self.total_steps - self.final_steps
        return self.warmup_steps < step <= last and (step % self.interval == 0 or step == last)

    @abstractmethod
    def _excess(self, drop: int, left: int, span: int) -> int:
        """Return what of ``drop`` is still to fall, rounded down, with ``left`` of ``span`` steps to go.

        Only asked for 0 < ``left`` < ``span``; the ends are exact without it.
        """

    def _require_integer(self, name: str, at_least: int) -> None:
        value = getattr(self, name)
        # A bool is an int to Python, and a float would make every budget one.
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= at_least
        require(fits, name, value, f"an integer of at least {at_least}")
