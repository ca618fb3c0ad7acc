"""One final budget for every method of a sweep: in ranks, or in trained weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Literal

from adalora.errors import ConfigError, TargetError

from .. import methods, tasks
from ..checks import require
from ..config import RunConfig
from ..methods.counts import trainable
from ..models import layout
from ..named import with_setting

_SPARE = 1.5  # initial over final rank where the rank adapts, as in docs/recipe.md
_UNITS = ("rank", "parameter")
_MOST = 1 << 20  # of whatever a method's size is counted in
_MOST_WEIGHTS = 1 << 62


@dataclass(frozen=True)
class Budget:
    """What every method is left with in the end.

    Attributes:
        unit: ``"rank"``, of every adapted matrix on average; ``"parameter"``, trained weights without those
            of the head.
        amount: how much, at most.
    """

    unit: Literal["rank", "parameter"]
    amount: int


def read_budget(found: Any) -> Budget:
    """Return what stands behind ``budget``.

    Raises:
        ConfigError: it is no budget.
    """
    what = "one of rank: N and parameter: N, as {rank: 8}"
    fits = isinstance(found, Mapping) and len(found) == 1 and next(iter(found)) in _UNITS
    require(fits, "budget", found, what)
    ((unit, amount),) = found.items()
    require(type(amount) is int and amount >= 1, f"budget: {unit}", amount, "a whole number of at least 1")
    return Budget(unit, amount)


def within(
    budget: Budget, values: Mapping[str, Any], read_run: Callable[[Mapping[str, Any]], RunConfig]
) -> dict[str, Any]:
    """Return the settings with which a run's method comes to the budget, by full name.

    A method that has no size to set, such as BitFit, is left as it is: it trains what it trains.

    Args:
        budget: for all runs.
        values: settings of the run, by full name.
        read_run: settings by full name -> checked settings.

    Raises:
        ConfigError: the smallest that the method can be is above the budget; or task, model or method are
            unknown.
    """
    method = methods.get(str(values.get("method", RunConfig.method)))
    if not method.size or (budget.unit == "rank" and method.size != "adapter.rank"):
        return {}
    size = budget.amount
    if budget.unit == "parameter":
        size = _largest(budget.amount, method, read_run({**values, **_at(method, 1)}))
    return _at(method, size) | (
        {"allocation.budget_unit": budget.unit} if "allocation" not in method.ignored else {}
    )


def _at(method: methods.Method, size: int) -> dict[str, Any]:
    """Return the settings of a method that is left with a size."""
    if "allocation" in method.ignored:
        return {method.size: size}
    return {"adapter.rank": ceil(_SPARE * size), "allocation.target_rank": size}


def _largest(amount: int, method: methods.Method, config: RunConfig) -> int:
    """Return the largest size at which a run trains no more weights than ``amount``, by bisection."""
    count = _counter(method, config)
    if count(1) > amount:
        raise ConfigError(
            f"budget: parameter is {amount:,}, but with method: {method.name} and {method.size}: 1 there are "
            f"{count(1):,} trained weights; allowed: at least as many, or fewer target_modules."
        )
    low, high = 1, 2
    while high < _MOST and count(high) <= amount:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= amount else (low, middle)
    return low


def _counter(method: methods.Method, config: RunConfig) -> Callable[[int], int]:
    """Return a function that counts a run's trained weights at a size, without those of the head.

    Where the rank adapts it counts what is left in the end; but the model must have room for the start, too.
    """
    problem = tasks.get(config.task, config.data).problem
    adapter, known = config.adapter, dict[int, int]()
    spared = [*adapter.exclude_modules, *adapter.train_modules]
    bare = replace(config, adapter=replace(adapter, exclude_modules=spared, train_modules=[]))

    def count(value: int) -> int:
        if value not in known:
            both = sorted({value, _at(method, value)[method.size]})
            try:
                known[value], *_ = (
                    trainable(layout(config.model, problem), with_setting(bare, method.size, one))
                    for one in both
                )
            except (ConfigError, TargetError):
                if value == 1:
                    raise
                # A rank that the matrices do not have, or tokens for which there are no positions.
                known[value] = _MOST_WEIGHTS
        return known[value]

    return count
