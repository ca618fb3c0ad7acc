"""Settings: frozen, and every bad value named."""

import dataclasses
import json

import numpy as np
import pytest

from adalora import AdapterConfig, AllocationConfig, ConfigError


def test_scales():
    assert AdapterConfig(rank=4, alpha=8).scale(300) == 2
    assert AdapterConfig(rank=4, alpha=8, scaling="rslora").scale(300) == 4
    assert AdapterConfig(rank=4, alpha=8, scaling="width").scale(300) == 20


def test_lora_has_no_use_for_the_width():
    with pytest.raises(
        ConfigError, match=r"scaling is 'width'; allowed: 'lora' or 'rslora' with update='lora'"
    ):
        AdapterConfig(update="lora", scaling="width")


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("rank", 0, "at least 1"),
        ("rank", -3, "at least 1"),
        ("alpha", -1.0, "at least 0"),
        ("alpha", float("nan"), "finite"),
        ("target_modules", [], "at least one name"),
        ("scaling", "none", "'lora' or 'rslora' or 'width'"),
        ("init", "zeros", "'gaussian' or 'orthogonal'"),
        ("dropout", 1.0, r"in \[0, 1\)"),
        ("dropout", -0.1, r"in \[0, 1\)"),
        ("update", "bogus", "'svd'"),
        ("rank", "8", "an integer"),
        ("rank", 2.5, "an integer"),
        ("rank", True, "an integer"),
        ("alpha", "16", "finite number"),
        ("target_modules", ["query", 3], "a list of names"),
        ("train_modules", "classifier", "a list of names"),
        ("exclude_modules", "pooler", "a list of names"),
    ],
)
def test_adapter_settings(field, value, allowed):
    with pytest.raises(ConfigError, match=rf"^{field} is .*; allowed: .*{allowed}"):
        AdapterConfig(**{field: value})


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("target_rank", -1, "at least 0"),
        ("warmup_steps", -1, "at least 0"),
        ("final_steps", -1, "at least 0"),
        ("interval", 0, "at least 1"),
        ("beta1", 0.0, "strictly between 0 and 1"),
        ("beta1", 1.0, "strictly between 0 and 1"),
        ("beta2", 1.5, "strictly between 0 and 1"),
        ("orthogonality", -0.1, "at least 0"),
        ("orthogonality_form", "sum", "mean_norm"),
        ("score_at", "never", "after_step"),
        ("schedule", "cubical", "cubic"),
        ("target_rank", 1.5, "an integer"),
        ("interval", 2.5, "an integer"),
        ("orthogonality", float("inf"), "finite"),
        ("beta1", "0.9", "strictly between 0 and 1"),
    ],
)
def test_allocation_settings(field, value, allowed):
    with pytest.raises(ConfigError, match=rf"^{field} is .*; allowed: .*{allowed}"):
        AllocationConfig(total_steps=100, **{field: value})


@pytest.mark.parametrize(("warmup", "final"), [(60, 40), (100, 0), (0, 100), (90, 90)])
def test_phases_must_leave_a_step_to_prune_in(warmup, final):
    message = rf"warmup_steps \+ final_steps is {warmup + final}; allowed: less than total_steps = 100"
    with pytest.raises(ConfigError, match=message):
        AllocationConfig(total_steps=100, warmup_steps=warmup, final_steps=final)


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AdapterConfig().rank = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        AllocationConfig().interval = 3


@pytest.mark.parametrize("steps", [0, -5, 10.0])
def test_total_steps_are_named_when_they_are_wrong(steps):
    with pytest.raises(ConfigError, match=rf"^total_steps is {steps}; allowed: an integer of at least 1"):
        AllocationConfig(total_steps=steps)


def test_values_of_other_libraries_become_plain_ones():
    names = ("query", "value")
    config = AdapterConfig(
        rank=np.int64(4), alpha=np.float32(2.0), target_modules=names, train_modules={"head"}
    )
    assert json.loads(json.dumps(dataclasses.asdict(config)))["target_modules"] == ["query", "value"]
    assert (type(config.rank), type(config.alpha), config.train_modules) == (int, float, ["head"])
    assert type(AllocationConfig(total_steps=np.int64(100)).total_steps) is int


def test_what_is_left_out_is_the_recipes():
    adapter, allocation = AdapterConfig(rank=6), AllocationConfig()
    assert (adapter.init, adapter.alpha, adapter.scaling) == ("orthogonal", 12.0, "lora")
    assert AdapterConfig(update="lora").init == "kaiming"
    assert (allocation.orthogonality, allocation.interval) == (0.0, None)
    assert (allocation.warmup_steps, allocation.final_steps) == (0.2, 0.3)


def test_one_word_asks_for_the_papers():
    adapter, allocation = AdapterConfig(rank=6, recipe="paper"), AllocationConfig(recipe="paper")
    assert (adapter.init, adapter.alpha) == ("gaussian", 16.0)
    assert AdapterConfig(update="lora", recipe="paper").init == "gaussian"
    assert (allocation.orthogonality, allocation.orthogonality_form) == (0.1, "mean_norm")
    assert (allocation.warmup_steps, allocation.final_steps, allocation.interval) == (0, 0, 10)


def test_what_is_given_is_nobodys_recipe_and_a_copy_keeps_what_stood_in():
    given = AllocationConfig(recipe="paper", orthogonality=0.0, interval=3)
    assert (given.orthogonality, given.interval) == (0.0, 3)
    copied = dataclasses.replace(AllocationConfig(recipe="paper"), beta1=0.5)
    assert (copied.orthogonality, copied.beta1) == (0.1, 0.5)
    assert AdapterConfig(**dataclasses.asdict(AdapterConfig(recipe="paper"))) == AdapterConfig(recipe="paper")
    with pytest.raises(ConfigError, match=r"^recipe is 'papers'; allowed: 'default' or 'paper'"):
        AdapterConfig(recipe="papers")
    with pytest.raises(ConfigError, match=r"^recipe is 'papers'; allowed: 'default' or 'paper'"):
        AllocationConfig(recipe="papers")


@pytest.mark.parametrize(
    ("given", "total", "expected"),
    [
        ({}, 200, (40, 60, 5)),
        ({}, 7, (1, 2, 1)),
        ({}, 1, (0, 0, 1)),
        ({"warmup_steps": 0, "final_steps": 0.5, "interval": 3}, 9, (0, 4, 3)),
        ({"warmup_steps": 3.0, "final_steps": 0.0}, 9, (3, 0, 1)),
        ({"recipe": "paper"}, 1000, (0, 0, 10)),
        ({"warmup_steps": 0.29, "final_steps": 0.57}, 100, (29, 57, 2)),
    ],
)
def test_lengths_may_be_shares(given, total, expected):
    config = AllocationConfig(**given)
    assert config.timetable(total) == expected
    assert AllocationConfig(total_steps=total, **given).total_steps == total
    whole = [steps for steps in (config.warmup_steps, config.final_steps) if steps == 0 or steps >= 1]
    assert all(type(steps) is int for steps in whole)


def test_shares_must_leave_a_step_too():
    with pytest.raises(
        ConfigError, match=r"warmup_steps \+ final_steps is 10; allowed: less than total_steps"
    ):
        AllocationConfig(total_steps=10, warmup_steps=0.5, final_steps=0.5)
    with pytest.raises(
        ConfigError, match=r"warmup_steps is 1\.5; allowed: a whole number of at least 0, or a"
    ):
        AllocationConfig(warmup_steps=1.5)
