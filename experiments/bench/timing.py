"""Interleaved rounds: everyone takes a step in each, so that a slow moment of the machine hits everyone."""

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter

import torch

Step = Callable[[int], object]


def time_rounds(steps: Mapping[str, Step], rounds: int, warmup: int, device: str) -> dict[str, list[float]]:
    """Return the seconds of every step by name, one for each round.

    The order within a round rotates from round to round.

    Args:
        steps: by name; each is called once a round, with the number of the round.
        rounds: rounds that count.
        warmup: rounds before them, which do not.
        device: where the steps run; it is waited for before and after each of them.
    """
    names = list(steps)
    times: dict[str, list[float]] = {name: [] for name in names}
    for index in range(warmup + rounds):
        first = index % len(names)
        for name in names[first:] + names[:first]:
            seconds = time_of(partial(steps[name], index), device)
            if index >= warmup:
                times[name].append(seconds)
    return times


def time_of(run: Callable[[], object], device: str) -> float:
    """Return the seconds that ``run`` takes, with all that it has started on the device."""
    wait_for(device)
    begin = perf_counter()
    run()
    wait_for(device)
    return perf_counter() - begin


def wait_for(device: str) -> None:
    """Wait until an accelerator has done what it was given; the CPU has always done so."""
    if torch.device(device).type != "cpu":
        torch.accelerator.synchronize(device)
