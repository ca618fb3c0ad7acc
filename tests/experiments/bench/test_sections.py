"""Single steps, whole runs, the controller and the ranks: what each section returns."""

import pytest

from experiments.bench import control, ranks, steps, whole_run
from experiments.bench.contestants import TIMED


def test_steps_are_told_as_ratios_to_the_floor(case, settings):
    found = steps.measure(case, settings())
    assert set(found["seconds"]) == set(TIMED)
    assert set(found["ratios"]) == set(TIMED) - {"floor"}
    for summary in found["ratios"].values():
        assert 0 < summary["lower"] <= summary["median"] <= summary["upper"]
        assert summary["n"] == 3


def test_a_whole_run_is_told_in_sum_and_step_by_step(case, settings):
    found = whole_run.measure(case, settings())
    seconds = found["seconds"]
    assert found["ratio"] == pytest.approx(seconds["peft_adalora"] / seconds["adalora"])
    assert found["per_step"]["n"] == found["steps"] == 20
    assert {name: phase["n"] for name, phase in found["phases"].items()} == {
        "warm-up": 4,
        "pruning": 10,
        "final": 6,
    }


def test_the_controller_takes_a_share_of_the_step(case, settings):
    found = control.measure(case, settings())
    assert 0 < found["share"]["median"] < 1
    assert found["seconds"]["n"] == control.WINDOWS


def test_every_rank_is_raced(case, settings):
    found = ranks.measure(case, settings())
    assert set(found["ratios"]) == {"1", "3"}
    assert found["ratios"]["1"]["n"] == 2
