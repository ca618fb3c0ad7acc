"""What was asked for: every figure of the benchmark that has a bound, and where its number stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any


@dataclass(frozen=True)
class Range:
    """The numbers from ``low`` to ``high``, both among them."""

    low: float = -inf
    high: float = inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Aim:
    """A figure, and what it should be.

    Attributes:
        figure: what is measured, in words.
        path: where the number stands below ``sections`` of the JSON.
        asked: the least that was asked for.
        aim: what was aimed at.
        unit: ``"ratio"``, ``"share"`` of 1, or ``"points"`` of 100.
    """

    figure: str
    path: tuple[str, ...]
    asked: Range
    aim: Range
    unit: str = "ratio"


# The figures are those of these settings; with others they mean something else.
SETTINGS: Mapping[str, Any] = {
    "rank": 12,
    "target_rank": 8,
    "dtype": "float32",
    "device": "cpu",
    "run_steps": 300,
    "model": None,
}


def _before(case: str, asked: float, aim: float) -> Aim:
    path = ("steps", case, "ratios", "adalora", "median")
    figure = f"{case}: AdaLoRA before shrinking, over the floor"
    return Aim(figure, path, Range(high=asked), Range(high=aim))


def _after(case: str, asked: float, aim: float) -> Aim:
    path = ("steps", case, "ratios", "adalora_shrunk", "median")
    return Aim(f"{case}: the same after shrinking", path, Range(high=asked), Range(high=aim))


def _run(case: str, asked: float, aim: float) -> Aim:
    path = ("run", case, "ratio")
    return Aim(f"{case}: peft AdaLoRA over ours, whole run", path, Range(low=asked), Range(low=aim))


def _control(case: str) -> Aim:
    path = ("control", case, "share", "median")
    figure = f"{case}: the controller's share of a step"
    return Aim(figure, path, Range(high=0.03), Range(high=0.01), "share")


def _kept(case: str, name: str, words: str, asked: float, aim: float) -> Aim:
    path = ("memory", case, "against_peft", name)
    figure = f"{case}: bytes that {words} adds to the floor's, over peft LoRA's"
    return Aim(figure, path, Range(high=asked), Range(high=aim))


def _error(case: str) -> Aim:
    path = ("gradients", case, "int8", "largest")
    figure = f"{case}: relative error of the factors' gradients, inputs in int8"
    return Aim(figure, path, Range(high=0.01), Range(high=0.01), "share")


_ONE, _NEAR, _CLOSE = Range(1.0, 1.0), Range(0.98, 1.02), Range(-0.5, 0.5)
_ROWS = ("bert-4x768", "minilm", "bert-6x768")

AIMS: tuple[Aim, ...] = (
    *(_before(*row) for row in zip(_ROWS, (1.12, 1.24, 1.25), (1.08, 1.15, 1.18), strict=True)),
    *(_after(*row) for row in zip(_ROWS, (1.10, 1.20, 1.20), (1.06, 1.12, 1.15), strict=True)),
    *(_run(*row) for row in zip(_ROWS, (1.15, 1.25, 1.15), (1.25, 1.4, 1.3), strict=True)),
    *(_control(case) for case in _ROWS),
    Aim("operations of the controller, most matrices over fewest", ("matrices", "growth"), _ONE, _ONE),
    *(_kept(case, "lora", "LoRA", 1.0, 1.0) for case in _ROWS),
    *(_kept(case, "adalora", "AdaLoRA", 1.0, 1.0) for case in _ROWS),
    *(_kept(case, "adalora_int8", "AdaLoRA with int8", 0.35, 0.27) for case in _ROWS),
    *(_error(case) for case in _ROWS),
    Aim(
        "accuracy with int8 less exact, mean of the seeds",
        ("accuracy", "difference"),
        _CLOSE,
        _CLOSE,
        "points",
    ),
    Aim("merged inference over base, worst cell", ("inference", "merged"), _NEAR, _NEAR),
    Aim(
        "switch between two adapters, over a forward pass of one sentence",
        ("adapters", "switch", "median"),
        Range(high=0.1),
        Range(high=0.1),
    ),
    Aim(
        "batch of three adapters, over one of a single adapter, worst size",
        ("adapters", "worst"),
        Range(high=1.5),
        Range(high=1.5),
    ),
)


def comparable(record: Mapping[str, Any]) -> bool:
    """Say whether the figures were measured with the settings that they were asked for."""
    return all(record["settings"][name] == value for name, value in SETTINGS.items())


def measured(aim: Aim, record: Mapping[str, Any]) -> float | None:
    """Return the number of a figure; None where it was not measured."""
    found: Any = record["sections"]
    for name in aim.path:
        if name not in found:
            return None
        found = found[name]
    return float(found)
