"""What every combination of a sweep chooses for itself, on validation rows alone.

Where a task has no other rows with public labels, its test rows are the same ones, see `Task.held_out`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..checks import require
from ..methods import METHODS

_OWN = "method"  # in place of a list: each method has rates of its own
_RATE = "training.learning_rate"


@dataclass(frozen=True)
class Choice:
    """A setting, the values to choose from, and the seeds that decide.

    Attributes:
        setting: its full name.
        values: to choose from; empty for the learning rates of each method.
        seeds: whose validation rows decide.
    """

    setting: str
    values: tuple[Any, ...]
    seeds: tuple[int, ...]

    def of(self, method: str) -> tuple[Any, ...]:
        """Return the values that a method chooses from."""
        return self.values or METHODS[method].rates

    def possible(self) -> list[tuple[Any, ...]]:
        """Return the values that any method may choose from."""
        return [self.values] if self.values else [method.rates for method in METHODS.values()]


def best(scores: Mapping[Any, float]) -> Any:
    """Return the value of the highest score; of equal ones the smaller."""
    return max(scores, key=lambda value: (scores[value], -value))


def read_choice(found: Any) -> Choice:
    """Return what stands behind ``choose``.

    Raises:
        ConfigError: it is no setting with its values and the seeds that decide.
    """
    what = (
        f"a setting with numbers to choose from, and the seeds that decide, such as "
        f"{{{_RATE}: [1.0e-3, 4.0e-3], seeds: [0]}}"
    )
    fits = isinstance(found, Mapping) and len(found) == 2 and "seeds" in found
    require(fits and all(isinstance(name, str) for name in found), "choose", found, what)
    (setting,) = (name for name in found if name != "seeds")
    values = found[setting]
    others = "any other setting; every run has a name and a seed of its own"
    require(setting not in ("name", "seed"), f"choose: {setting}", values, others)
    if values == _OWN:
        require(setting == _RATE, f"choose: {setting}", values, f"a list; '{_OWN}' is for {_RATE}")
        return Choice(setting, (), read_seeds("choose: seeds", found["seeds"]))
    numbers = isinstance(values, list) and bool(values) and all(map(_is_number, values))
    distinct = numbers and len(set(values)) == len(values)
    require(distinct, f"choose: {setting}", values, f"a list of distinct numbers, or '{_OWN}' for {_RATE}")
    return Choice(setting, tuple(values), read_seeds("choose: seeds", found["seeds"]))


def read_seeds(where: str, found: Any) -> tuple[int, ...]:
    """Return a list of seeds.

    Raises:
        ConfigError: it is none.
    """
    fits = isinstance(found, list) and bool(found) and all(type(one) is int and one >= 0 for one in found)
    fits = fits and len(set(found)) == len(found)
    require(fits, where, found, "a list of distinct whole numbers, such as [0, 1, 2]")
    return tuple(found)


def _is_number(value: Any) -> bool:
    # YAML takes 1e-3, without a point, for a text.
    return isinstance(value, int | float) and not isinstance(value, bool)
