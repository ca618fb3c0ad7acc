"""A small run to draw: six matrices, twelve steps."""

import pytest

import schedulers
from adalora import Allocation

NAMES = [f"bert.encoder.layer.{layer}.{kind}" for layer in range(3) for kind in ("query", "value")]


def allocation(step, threshold, ranks):
    return Allocation(step, sum(ranks), threshold, dict(zip(NAMES, ranks, strict=True)))


@pytest.fixture
def schedule():
    return schedulers.LinearSchedule(24, 12, total_steps=12, warmup_steps=2, final_steps=4, interval=2)


@pytest.fixture
def history():
    return [
        allocation(0, None, [4, 4, 4, 4, 4, 4]),
        allocation(4, 1e-9, [4, 3, 4, 1, 4, 4]),
        allocation(6, 4e-9, [4, 2, 3, 0, 3, 4]),
        allocation(8, 3e-9, [3, 2, 2, 0, 1, 4]),
    ]
