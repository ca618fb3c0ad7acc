"""A controller's saved state: damaged, foreign, and in order."""

import dataclasses

import pytest
import torch

import schedulers
from adalora import Allocation, AllocationConfig, CheckpointError
from adalora.controller_state import (
    check_tensors,
    differences,
    name_averages,
    read_state,
    resumed,
    tensor_names,
)

CONFIG = AllocationConfig(total_steps=10)
ROW = dataclasses.asdict(Allocation(0, 8, None, {"up": 4, "down": 4}))
STATE = {"step": 3, "config": dataclasses.asdict(CONFIG), "history": [ROW], "tensors": {}}


def test_a_whole_state_comes_through():
    saved = read_state(STATE, CONFIG)
    assert saved.step == 3
    assert saved.history == [Allocation(0, 8, None, {"up": 4, "down": 4})]
    assert differences(saved.config, CONFIG) == []


@pytest.mark.parametrize(
    "change",
    [
        {"step": None},
        {"step": -1},
        {"history": []},
        {"history": 7},
        {"history": [{"step": 0}]},
        {"history": [{**ROW, "step": 2}]},
        {"history": [{**ROW, "ranks": [4, 4]}]},
        {"config": {}},
        {"config": []},
        {"tensors": None},
    ],
)
def test_a_damaged_state_is_named_so(change):
    with pytest.raises(CheckpointError, match="the controller's state is damaged: "):
        read_state({**STATE, **change}, CONFIG)


def test_another_scorer_is_refused():
    with pytest.raises(
        CheckpointError, match="scorer is 'sensitivity_uncertainty' in the saved state and 'x' here"
    ):
        read_state(STATE, dataclasses.replace(CONFIG, scorer="x"))


def test_settings_that_differ_are_listed():
    other = dataclasses.replace(CONFIG, beta1=0.5, interval=3)
    assert differences(STATE["config"], other) == ["interval None → 3", "beta1 0.85 → 0.5"]


AVERAGES = {"a": [torch.zeros(3, 2), torch.zeros(2), torch.zeros(2, 4)], "b": [torch.zeros(2)]}


def named():
    return {one.name: one.tensor for one in name_averages(AVERAGES, ["up"])}


def test_averages_are_named_by_module_and_factor_and_may_be_of_lambda_alone():
    assert list(named()) == ["a.up.P", "a.up.lam", "a.up.Q", "b.up.lam"]
    assert tensor_names(["up"]) == ["up.P", "up.lam", "up.Q"]


def test_tensors_are_compared_with_the_ranks_that_there_will_be():
    ours = list(name_averages(AVERAGES, ["up"]))
    check_tensors(ours, named(), {})
    smaller = {
        "a.up.P": torch.zeros(3, 1),
        "a.up.lam": torch.zeros(1),
        "a.up.Q": torch.zeros(1, 4),
        "b.up.lam": torch.zeros(1),
    }
    check_tensors(ours, smaller, {"up": 1})
    with pytest.raises(CheckpointError, match=r"'a.up.P' has shape \(3, 1\); the model needs \(3, 2\)"):
        check_tensors(ours, smaller, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a.up.lam": torch.ones(3)}, r"'a.up.lam' has shape \(3,\); the model needs \(2,\)"),
        ({"a.up.lam": torch.tensor([1.0, torch.nan])}, "'a.up.lam' has a NaN or an infinite value"),
        ({"a.down.lam": torch.ones(2)}, r"of other matrices: missing \[\], not expected \['a.down.lam'\]"),
    ],
)
def test_tensors_that_do_not_fit_are_named(change, message):
    with pytest.raises(CheckpointError, match=message):
        check_tensors(list(name_averages(AVERAGES, ["up"])), named() | change, {})


def test_a_run_is_taken_up_with_the_budget_that_it_began_with():
    schedule = schedulers.make("cubic", initial=5, target=4, total_steps=10)
    assert resumed(schedule, read_state(STATE, CONFIG)).initial == 8
    row = dataclasses.asdict(Allocation(0, 3, None, {"up": 3}))
    with pytest.raises(CheckpointError, match="state is damaged: target is 4"):
        resumed(schedule, read_state({**STATE, "history": [row]}, CONFIG))
