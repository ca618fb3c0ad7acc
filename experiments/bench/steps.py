"""What a training step costs, as a ratio to the floor."""

from collections.abc import Callable, Mapping
from typing import Any

from .cases import Batch, Case, batches
from .config import BenchConfig
from .contestants import CONTESTANTS, FLOOR, TIMED
from .racer import Racer
from .summary import ratios, summary
from .timing import time_rounds

BATCHES = 16


def measure(case: Case, config: BenchConfig) -> dict[str, Any]:
    """Return ``seconds`` of a step and its ``ratios`` to the floor, a summary for each contestant."""
    racers = {name: CONTESTANTS[name].build(case, config) for name in TIMED}
    return race(racers, case, config, config.rounds)


def race(racers: Mapping[str, Racer], case: Case, config: BenchConfig, rounds: int) -> dict[str, Any]:
    """Let models take steps in turn, on the same batches; one of them is the floor.

    Returns:
        ``seconds`` and ``ratios``, as `measure` does.
    """
    rows = batches(racers[FLOOR].model, case, BATCHES, config.seed)
    steps = {name: stepper(racer, rows) for name, racer in racers.items()}
    times = time_rounds(steps, rounds, config.warmup_rounds, config.device)
    seconds = {name: summary(own) for name, own in times.items()}
    return {"seconds": seconds, "ratios": ratios(times, FLOOR)}


def stepper(racer: Racer, rows: list[Batch]) -> Callable[[int], None]:
    """Return a function that takes the step of a number, with the batch whose turn it is."""
    return lambda number: racer.step(rows[number % len(rows)])
