"""The controller's share of a training step."""

from time import perf_counter
from typing import Any

from torch.optim import Optimizer

import adalora

from . import ours
from .cases import Batch, Case, batches
from .config import BenchConfig
from .racer import Racer, adamw, own_loss
from .summary import summary
from .timetable import INTERVAL, PRUNING
from .timing import time_of, wait_for

WINDOWS = 4


def measure(case: Case, config: BenchConfig) -> dict[str, Any]:
    """Call the controller by hand, with a clock around it, inside of whole training steps.

    Returns:
        Summaries of ``seconds`` of the controller in a step, and of its ``share`` of the whole step; each
        number is the mean over ten steps, so that one budget update is in it.
    """
    model = ours.with_triplets(case, config)
    optimizer = adamw(model)
    racer = Racer(model, own_loss(model), optimizer)
    controller = adalora.AdaLoRAController(model, ours.allocation(config.target_rank, PRUNING))
    rows = batches(model, case, INTERVAL, config.seed)
    seconds, shares = [], []
    for window in range(1 + WINDOWS):
        times = [_step(racer, optimizer, controller, batch) for batch in rows]
        own, whole = (sum(column) for column in zip(*times, strict=True))
        if window:  # the first one makes the averages and the optimizer's state
            seconds.append(own / INTERVAL)
            shares.append(own / whole)
    return {"seconds": summary(seconds), "share": summary(shares)}


def _step(
    racer: Racer, optimizer: Optimizer, controller: adalora.AdaLoRAController, batch: Batch
) -> tuple[float, float]:
    """Take a step; return the seconds of the controller, and those of all."""
    device = str(batch["labels"].device)
    wait_for(device)
    begin = perf_counter()
    racer.backward(batch)
    own = time_of(lambda: controller.before_step(optimizer), device)
    optimizer.step()
    own += time_of(lambda: controller.after_step(optimizer), device)
    optimizer.zero_grad()
    wait_for(device)
    return own, perf_counter() - begin
