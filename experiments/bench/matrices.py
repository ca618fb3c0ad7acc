"""What the controller costs as the number of matrices grows."""

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

import torch
from torch import nn

import adalora
from adalora.targets import survey

from . import ours
from .cases import Case
from .config import BenchConfig
from .operations import operations
from .racer import start_model
from .summary import summary
from .timetable import INTERVAL, PRUNING
from .timing import time_of

WINDOWS = 3

Shape = tuple[int, int]


def measure(case: Case, config: BenchConfig) -> dict[str, Any]:
    """Let a controller steer so many matrices of the shapes of a case, without a model around them.

    Returns:
        ``case``; ``rows`` by number of matrices: ``seconds`` of a step, the mean over ten with one budget
        update among them, and the ``operations`` of a step that ``scores`` and of one that ``allocates``
        too; and ``growth``, the operations with the most matrices over those with the fewest.
    """
    shapes = _shapes(case, config)
    rows = {number: _row(shapes, number, config) for number in sorted(config.sweep.matrices)}
    totals = [sum(row["operations"].values()) for row in rows.values()]
    return {
        "case": case.name,
        "rows": {str(number): row for number, row in rows.items()},
        "growth": totals[-1] / totals[0],
    }


def _shapes(case: Case, config: BenchConfig) -> list[Shape]:
    targets = survey(start_model(case, config), ours.adapter(config, rank=config.rank)).targets
    return [(one.shape[-2], one.shape[-1]) for one in targets]


def _row(shapes: Sequence[Shape], number: int, config: BenchConfig) -> dict[str, Any]:
    controller = controlled(list(islice(cycle(shapes), number)), config)
    _steps(controller, INTERVAL)  # the first step makes the averages, matrix by matrix
    seconds = [
        time_of(lambda: _steps(controller, INTERVAL), config.device) / INTERVAL for _ in range(WINDOWS)
    ]
    scores = operations(lambda: _steps(controller, 1))
    _steps(controller, INTERVAL - 2)
    allocates = operations(lambda: _steps(controller, 1))
    return {"seconds": summary(seconds), "operations": {"scores": scores, "allocates": allocates}}


def controlled(shapes: Sequence[Shape], config: BenchConfig) -> adalora.AdaLoRAController:
    """Return a controller over matrices d₁ × d₂ that have gradients, before its first step."""
    torch.manual_seed(config.seed)
    # The frozen weights are never read: they get memory, but no numbers.
    with torch.device("meta"):
        model = nn.Sequential(*(nn.Linear(d2, d1, bias=False) for d1, d2 in shapes))
    model.to_empty(device=config.device)
    adalora.inject(model, adalora.AdapterConfig(recipe="paper", rank=config.rank))
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = 1e-3 * torch.randn_like(parameter)
    return adalora.AdaLoRAController(model, ours.allocation(config.target_rank, PRUNING))


def _steps(controller: adalora.AdaLoRAController, number: int) -> None:
    for _ in range(number):
        controller.before_step()
        controller.after_step()
