"""A whole run with adaptive rank, from the first step to the last: peft's against ours."""

from collections.abc import Sequence
from typing import Any

from . import ours, theirs
from .cases import Case, batches
from .config import BenchConfig
from .steps import BATCHES, stepper
from .summary import summary
from .timetable import Timetable, whole_run
from .timing import time_rounds

OURS, THEIRS = "adalora", "peft_adalora"


def measure(case: Case, config: BenchConfig) -> dict[str, Any]:
    """Train twice side by side, step by step.

    Returns:
        ``steps``; ``seconds`` of each run; ``ratio`` of peft's to ours; ``per_step``, the summary of that
        ratio in each step; and ``phases``, the same in each phase of the schedule.
    """
    timetable = whole_run(config.run_steps)
    racers = {
        OURS: ours.adaptive(case, config, timetable),
        THEIRS: theirs.adaptive(case, config, timetable),
    }
    rows = batches(racers[OURS].model, case, BATCHES, config.seed)
    for racer in racers.values():
        racer.rehearse(rows[0])
    steps = {name: stepper(racer, rows) for name, racer in racers.items()}
    # All steps count, the first ones too.
    times = time_rounds(steps, config.run_steps, 0, config.device)
    per_step = [theirs / ours for theirs, ours in zip(times[THEIRS], times[OURS], strict=True)]
    seconds = {name: sum(own) for name, own in times.items()}
    return {
        "steps": config.run_steps,
        "seconds": seconds,
        "ratio": seconds[THEIRS] / seconds[OURS],
        "per_step": summary(per_step),
        "phases": {name: summary(part) for name, part in _phases(per_step, timetable).items()},
    }


def _phases(values: Sequence[float], timetable: Timetable) -> dict[str, Sequence[float]]:
    begin, end = timetable.warmup, timetable.decision
    return {"warm-up": values[:begin], "pruning": values[begin:end], "final": values[end:]}
