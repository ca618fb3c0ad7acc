"""What a controller steers, and by which budget."""

import pytest

import adalora
from adalora import AdapterConfig, AllocationConfig
from adalora.steered import budget_schedule, svd_updates
from tests.models import mlp


def test_the_budget_counts_triplets_over_all_matrices():
    model = adalora.inject(mlp(), AdapterConfig(rank=4, target_modules=["up", "down"]))
    updates = svd_updates(model, "default")
    assert list(updates) == ["up", "down"]
    schedule = budget_schedule(AllocationConfig(target_rank=3, total_steps=9), list(updates.values()))
    assert (schedule.initial, schedule.target) == (8, 6)


def test_lora_is_not_steered():
    model = adalora.inject(mlp(), AdapterConfig(update="lora", rank=4, target_modules=["up"]))
    with pytest.raises(adalora.ConfigError, match="no SVD update of that name; it has adapters: default"):
        svd_updates(model, "default")
