"""A controller's saved state: damaged, foreign, and in order."""

import dataclasses

import pytest
import torch

from adalora import Allocation, AllocationConfig, CheckpointError
from adalora.controller_state import differences, fit_tensors, read_state, tensor_names

CONFIG = AllocationConfig(total_steps=10)
ROW = dataclasses.asdict(Allocation(0, 8, None, {"up": 4, "down": 4}))
STATE = {"step": 3, "config": dataclasses.asdict(CONFIG), "history": [ROW], "tensors": {}}


def test_a_whole_state_comes_through():
    saved = read_state(STATE, CONFIG.scorer)
    assert saved.step == 3
    assert saved.history == (Allocation(0, 8, None, {"up": 4, "down": 4}),)
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
        read_state({**STATE, **change}, CONFIG.scorer)


def test_another_scorer_is_refused():
    with pytest.raises(
        CheckpointError, match="scorer is 'sensitivity_uncertainty' in the saved state and 'x' here"
    ):
        read_state(STATE, "x")


def test_settings_that_differ_are_listed():
    other = dataclasses.replace(CONFIG, beta1=0.5, interval=3)
    assert differences(STATE["config"], other) == ["interval 10 → 3", "beta1 0.85 → 0.5"]


def test_tensors_take_the_type_of_the_fresh_ones_and_are_copies():
    names = tensor_names(["up"])
    assert names == ["up.P", "up.lam", "up.Q"]
    fresh = {"a": [torch.zeros(3, 2), torch.zeros(2), torch.zeros(2, 4)]}
    saved = {
        f"a.{name}": torch.ones_like(t, dtype=torch.float64)
        for name, t in zip(names, fresh["a"], strict=True)
    }
    fitted = fit_tensors(fresh, names, saved)
    assert all(tensor.dtype == torch.float32 and torch.all(tensor == 1) for tensor in fitted["a"])
    saved["a.up.lam"][0] = 5
    assert fitted["a"][1][0] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a.up.lam": torch.ones(3)}, r"'a.up.lam' has shape \(3,\); the model needs \(2,\)"),
        ({"a.up.lam": torch.tensor([1.0, torch.nan])}, "'a.up.lam' has a NaN or an infinite value"),
        ({"a.down.lam": torch.ones(2)}, r"of other matrices: missing \[\], not expected \['a.down.lam'\]"),
    ],
)
def test_tensors_that_do_not_fit_are_named(change, message):
    fresh = {"a": [torch.zeros(3, 2), torch.zeros(2), torch.zeros(2, 4)]}
    saved = {f"a.{name}": t for name, t in zip(tensor_names(["up"]), fresh["a"], strict=True)} | change
    with pytest.raises(CheckpointError, match=message):
        fit_tensors(fresh, tensor_names(["up"]), saved)
