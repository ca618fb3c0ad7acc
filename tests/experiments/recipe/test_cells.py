"""Equal terms."""

from dataclasses import asdict, replace

import pytest

from experiments.recipe.cells import (
    ABLATIONS,
    CHOOSING_SEEDS,
    CONTENDERS,
    GROUNDS,
    RATES,
    RECIPE,
    Contender,
    Settings,
    cell,
)
from experiments.sweeps.store import key_of


def every():
    return [
        cell(who, rate, seed, steps=200)
        for who in (*CONTENDERS, *ABLATIONS)
        for rate in RATES
        for seed in GROUNDS[who.task].seeds
    ]


def test_no_two_runs_are_the_same():
    runs = (12 + len(ABLATIONS)) * 5 * 5 + 2 * 5 * 3
    assert len({key_of(one) for one in every()}) == len(every()) == runs


def test_all_methods_differ_in_nothing_but_the_method():
    """Rows, order, head, steps, batch and learning rates' course; α/r is 2 everywhere."""
    for who in CONTENDERS:
        for rate in RATES:
            one, first = (
                cell(one, rate, 3, steps=200) for one in (who, replace(CONTENDERS[0], task=who.task))
            )
            for part in ("data", "training", "evaluation", "seed", "model"):
                assert getattr(one, part) == getattr(first, part)
            assert one.adapter.alpha == 2 * one.adapter.rank
            assert one.adapter.train_modules == first.adapter.train_modules


@pytest.mark.parametrize("budget", [2, 8])
def test_the_final_budget_is_the_rank_of_lora(budget):
    adaptive, fixed = (
        cell(Contender("wordnet24", method, budget), 1e-3, 0, steps=200) for method in ("adalora", "lora")
    )
    assert adaptive.allocation.target_rank == fixed.adapter.rank == budget
    assert adaptive.adapter.rank == 1.5 * budget
    assert (adaptive.method, fixed.method) == ("adalora", "lora")


def test_kinds_of_lora():
    rslora, dora = (
        cell(Contender("wordnet24", name, 8), 1e-3, 0, steps=200).adapter for name in ("rslora", "dora")
    )
    assert (rslora.scaling, rslora.dora) == ("rslora", False)
    assert (dora.scaling, dora.dora) == ("lora", True)


def test_settings_reach_the_run():
    changed = Settings("lora", "gaussian", 4.0, 0.1, 0.5, 0.25, "mean_norm", "magnitude", "linear")
    one = cell(Contender("wordnet24", "adalora", 8, changed), 1e-3, 0, steps=100)
    assert (one.adapter.scaling, one.adapter.init, one.training.left_ratio) == ("lora", "gaussian", 4.0)
    allocation = one.allocation
    assert (allocation.warmup_steps, allocation.final_steps, allocation.interval) == (10, 50, 2)
    assert (allocation.orthogonality, allocation.orthogonality_form) == (0.25, "mean_norm")
    assert (allocation.scorer, allocation.schedule) == ("magnitude", "linear")


def test_an_ablation_changes_one_ingredient():
    for who in ABLATIONS:
        kinds = {
            name.partition("_")[0]
            for name, value in asdict(who.settings).items()
            if value != asdict(RECIPE)[name]
        }
        assert len(kinds) == 1, who.changed


def test_rates_are_chosen_on_seeds_that_are_used():
    for ground in GROUNDS.values():
        assert set(CHOOSING_SEEDS) < set(ground.seeds)


def test_a_task_that_is_dear_takes_fewer_steps():
    one = cell(Contender("wordnet_definitions", "adalora", 8), 1e-3, 0, steps=200)
    assert (one.model, one.training.max_steps, one.training.lr_warmup) == ("smollm2", 100, 10)
    assert (one.allocation.warmup_steps, one.allocation.final_steps) == (20, 30)
