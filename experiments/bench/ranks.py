"""What a training step with adaptive rank costs as the rank grows."""

from dataclasses import replace
from typing import Any

from . import ours, plain
from .cases import Case
from .config import BenchConfig
from .contestants import FLOOR
from .steps import race


def measure(case: Case, config: BenchConfig) -> dict[str, Any]:
    """Race AdaLoRA, before shrinking, at every rank; two thirds of it are to be left.

    Returns:
        ``case``, and by rank the ``seconds`` of a step and its ``ratios`` to the floor.
    """
    racers = {FLOOR: plain.floor(case, config)}
    for rank in sorted(config.sweep.ranks):
        racers[str(rank)] = ours.adaptive(case, replace(config, rank=rank, target_rank=max(1, 2 * rank // 3)))
    return {"case": case.name, **race(racers, case, config, config.sweep.rounds)}
