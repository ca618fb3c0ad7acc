"""The record of budget updates, in as many bytes as it has ranks."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

from .allocation import Allocation

# Types of `array` by the largest number that they hold.
_CODES = {"B": 2**8 - 1, "H": 2**16 - 1, "Q": 2**64 - 1}


class History(Sequence[Allocation]):
    """Budget updates in order, each an `Allocation` that is made when it is asked for.

    A row takes 24 bytes and, with initial ranks below 256, one more a matrix: 20,000 updates of 72 matrices
    are 2 MB, of which dictionaries would make 90. It equals a list of the same rows.

    Args:
        first: the state before training; no later rank of any matrix is above the largest in it.
    """

    def __init__(self, first: Allocation) -> None:
        self._modules = list(first.ranks)
        top = max(first.ranks.values(), default=0)
        self._ranks = array(next((code for code, largest in _CODES.items() if top <= largest), "Q"))
        self._steps, self._budgets, self._thresholds = array("Q"), array("Q"), array("d")
        self.append(first)

    def append(self, row: Allocation) -> None:
        """Add a row.

        Raises:
            ValueError: it is of other matrices, or a number cannot be.
        """
        if row.ranks.keys() != set(self._modules):
            raise ValueError(f"step {row.step} is of other matrices than step 0")
        try:
            threshold = math.nan if row.threshold is None else float(row.threshold)
            ranks = array(self._ranks.typecode, [row.ranks[module] for module in self._modules])
            step, budget = array("Q", [row.step]), array("Q", [row.budget])
        except (OverflowError, TypeError) as error:
            raise ValueError(f"step {row.step!r} has numbers that cannot be: {error}") from error
        self._ranks += ranks
        self._steps += step
        self._budgets += budget
        self._thresholds.append(threshold)

    def as_json(self) -> dict[str, Any]:
        """Return the columns as plain data, with the ranks row after row.

        They are tuples: of a list `torch.distributed.checkpoint` loads no more rows than a new run has.
        """
        return {
            "modules": tuple(self._modules),
            "steps": tuple(self._steps),
            "budgets": tuple(self._budgets),
            "thresholds": tuple(None if math.isnan(one) else one for one in self._thresholds),
            "ranks": tuple(self._ranks),
        }

    def __len__(self) -> int:
        return len(self._steps)

    @overload
    def __getitem__(self, index: int) -> Allocation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Allocation]: ...
    def __getitem__(self, index: int | slice) -> Allocation | list[Allocation]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at, wide, threshold = range(len(self))[index], len(self._modules), self._thresholds[index]
        ranks = self._ranks[at * wide : (at + 1) * wide]
        return Allocation(
            self._steps[at],
            self._budgets[at],
            None if math.isnan(threshold) else threshold,
            dict(zip(self._modules, ranks, strict=True)),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | History):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"History({list(self)!r})"


def history_of(rows: Iterable[Allocation]) -> History:
    """Return the history of these rows.

    Raises:
        ValueError: there is none, they are of different matrices, or a number cannot be.
    """
    every = iter(rows)
    first = next(every, None)
    if first is None:
        raise ValueError("a history has at least one row")
    history = History(first)
    for row in every:
        history.append(row)
    return history


def read_history(saved: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> History:
    """Return the history that `History.as_json` has written, or a list of rows, as older states have it.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: the data is damaged.
    """
    if not isinstance(saved, Mapping):
        return history_of(_row(**row) for row in saved)
    modules, ranks = saved["modules"], saved["ranks"]
    wide = len(modules)
    if len(set(modules)) != wide or len(ranks) != wide * len(saved["steps"]):
        raise ValueError(
            f"{len(ranks)} ranks are not those of {wide} matrices at {len(saved['steps'])} steps"
        )
    columns = zip(saved["steps"], saved["budgets"], saved["thresholds"], strict=True)
    return history_of(
        _row(*row, dict(zip(modules, ranks[at * wide : (at + 1) * wide], strict=True)))
        for at, row in enumerate(columns)
    )


def _row(step: Any, budget: Any, threshold: Any, ranks: Any) -> Allocation:
    whole = all(type(one) is int for one in (step, budget, *ranks.values()))
    if not whole or not (threshold is None or isinstance(threshold, int | float)):
        raise TypeError(f"step {step!r}, budget {budget!r} or a rank is no whole number")
    return Allocation(step, budget, threshold, ranks)
