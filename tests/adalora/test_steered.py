"""What a controller steers, and by which budget."""

import dataclasses

import pytest
import torch

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from adalora.steered import budget_schedule, svd_updates
from tests.models import mlp


def test_the_budget_counts_triplets_over_all_matrices():
    model = adalora.inject(mlp(), AdapterConfig(rank=4, target_modules=["up", "down"]))
    updates = svd_updates(model, "default")
    assert list(updates) == ["up", "down"]
    schedule = budget_schedule(AllocationConfig(target_rank=3, total_steps=9), list(updates.values()))
    assert (schedule.initial, schedule.target) == (8, 6)


def test_the_budget_counts_parameters_if_told_so():
    config = AllocationConfig(target_rank=2, total_steps=9, budget_unit="parameter")
    model = adalora.inject(mlp(), AdapterConfig(rank=3, target_modules=["up", "head"]))
    schedule = budget_schedule(config, list(svd_updates(model, "default").values()))
    whole = (6 + 8 + 1) + (6 + 3 + 1)
    assert (schedule.initial, schedule.target) == (3 * whole, 2 * whole)
    with pytest.raises(
        adalora.ConfigError,
        match=r"target_rank is 4, a budget of 100 parameters for 2 matrices; allowed: at most the initial rank "
        r"of 3 \(75 parameters\)",
    ):
        AdaLoRAController(model, dataclasses.replace(config, target_rank=4))


@pytest.mark.parametrize("unit", ["rank", "parameter"])
def test_a_model_that_has_shrunk_can_be_steered_again(unit, tmp_path):
    """What is kept costs a little less than the budget where triplets cost more than 1."""
    settings = AllocationConfig(
        target_rank=2, total_steps=4, warmup_steps=0, final_steps=2, interval=1, budget_unit=unit
    )
    model = adalora.inject(mlp(), AdapterConfig(rank=3, target_modules=["up", "head"]))
    controller = AdaLoRAController(model, settings)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    controller.attach(optimizer)
    for _ in range(4):
        model(torch.randn(3, 6, dtype=torch.float64)).square().sum().backward()
        optimizer.step()
    adalora.save(model, tmp_path)
    again = adalora.load(mlp(), tmp_path)
    updates = list(svd_updates(again, "default").values())
    schedule = budget_schedule(settings, updates)
    assert schedule.initial == schedule.target
    with pytest.raises(adalora.ConfigError, match="target_rank is 3"):
        budget_schedule(dataclasses.replace(settings, target_rank=3), updates)


def test_lora_is_not_steered():
    model = adalora.inject(mlp(), AdapterConfig(update="lora", rank=4, target_modules=["up"]))
    with pytest.raises(adalora.ConfigError, match="no SVD update of that name; it has adapters: default"):
        svd_updates(model, "default")
