"""Rounds: who comes when, and what counts."""

import time

from experiments.bench.timing import time_of, time_rounds, wait_for


def test_the_order_rotates_and_warm_up_does_not_count():
    calls = []
    steps = {name: lambda number, name=name: calls.append((number, name)) for name in "abc"}
    times = time_rounds(steps, rounds=3, warmup=1, device="cpu")
    assert {name: len(own) for name, own in times.items()} == {"a": 3, "b": 3, "c": 3}
    order = ["".join(name for number, name in calls if number == turn) for turn in range(4)]
    assert order == ["abc", "bca", "cab", "abc"]


def test_seconds_are_those_of_the_call():
    assert time_of(lambda: time.sleep(0.01), "cpu") >= 0.01
    wait_for("cpu")
