"""Equal terms."""

import math
from dataclasses import asdict, replace

import pytest

from adalora import AdapterConfig, AllocationConfig
from experiments.recipe.cells import (
    ABLATIONS,
    CHOOSING_SEEDS,
    CONTENDERS,
    FORMS,
    GROUNDS,
    RECIPE,
    TRIALS,
    Contender,
    Settings,
    cell,
)
from experiments.sweeps.store import key_of


def every():
    return [
        cell(who, rate, seed, steps=200)
        for who in (*CONTENDERS, *TRIALS, *FORMS, *ABLATIONS)
        for rate in who.rates
        for seed in GROUNDS[who.task].seeds
    ]


def test_runs_are_shared_only_where_two_tables_ask_for_the_same():
    same = {
        (who.task, who.method, who.budget, who.settings, rate, seed)
        for who in (*CONTENDERS, *TRIALS, *FORMS, *ABLATIONS)
        for rate in who.rates
        for seed in GROUNDS[who.task].seeds
    }
    assert len({key_of(one) for one in every()}) == len(same) < len(every())


def test_all_methods_differ_in_nothing_but_the_method():
    """Rows, order, head, steps, batch and learning rates' course; α/r is 2 where nothing else is said."""
    for who in CONTENDERS:
        for rate in who.rates:
            one, first = (
                cell(one, rate, 3, steps=200) for one in (who, replace(CONTENDERS[0], task=who.task))
            )
            for part in ("data", "training", "evaluation", "seed", "model"):
                assert getattr(one, part) == getattr(first, part)
            assert who.changed == "short first steps" or one.adapter.alpha == 2 * one.adapter.rank
            assert one.adapter.train_modules == first.adapter.train_modules


@pytest.mark.parametrize("budget", [2, 8])
def test_the_final_budget_is_the_rank_of_lora(budget):
    adaptive, fixed = (
        cell(Contender("wordnet24", method, budget), 1e-3, 0, steps=200) for method in ("adalora", "lora")
    )
    assert adaptive.allocation.target_rank == fixed.adapter.rank == budget
    assert adaptive.adapter.rank == 1.5 * budget
    assert (adaptive.method, fixed.method) == ("adalora", "lora")


def test_the_recipe_is_what_a_configuration_has_where_nothing_is_said():
    config = cell(Contender("wordnet24", "adalora", 8), 1e-3, 0, steps=200)
    usual = AllocationConfig(target_rank=8)
    assert config.allocation.timetable(200) == usual.timetable(200)
    left_out = AdapterConfig(rank=12)
    for one, other, names in (
        (config.adapter, left_out, ("init", "alpha", "scaling")),
        (config.allocation, usual, ("orthogonality", "scorer", "schedule", "budget_unit")),
    ):
        assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]


def test_the_papers_settings_are_those_of_one_word():
    (who,) = (one for one in ABLATIONS if "paper" in one.changed)
    config = cell(who, 1e-3, 0, steps=200)
    paper = AllocationConfig(target_rank=8, recipe="paper")
    assert config.allocation.timetable(200) == paper.timetable(200)
    usual = AdapterConfig(rank=12, recipe="paper")
    assert (config.adapter.init, config.adapter.scaling) == (usual.init, usual.scaling)
    assert config.adapter.alpha == pytest.approx(usual.alpha)
    for name in ("orthogonality", "orthogonality_form", "scorer", "schedule"):
        assert getattr(config.allocation, name) == getattr(paper, name)


def test_kinds_of_lora():
    rslora, dora = (
        cell(Contender("wordnet24", name, 8), 1e-3, 0, steps=200).adapter for name in ("rslora", "dora")
    )
    assert (rslora.scaling, rslora.dora) == ("rslora", False)
    assert (dora.scaling, dora.dora) == ("lora", True)


def test_settings_reach_the_run():
    changed = Settings(
        8.0, "width", 2.0, "gaussian", 4.0, 0.1, 0.5, 7, 0.25, "mean_norm", "magnitude", "linear", "parameter"
    )
    one = cell(Contender("wordnet24", "adalora", 8, changed), 1e-3, 0, steps=100)
    assert (one.adapter.rank, one.adapter.alpha) == (16, 128)
    assert (one.adapter.scaling, one.adapter.init, one.training.left_ratio) == ("width", "gaussian", 4.0)
    allocation = one.allocation
    assert (allocation.warmup_steps, allocation.final_steps, allocation.interval) == (10, 50, 7)
    assert (allocation.orthogonality, allocation.orthogonality_form) == (0.25, "mean_norm")
    assert (allocation.scorer, allocation.schedule) == ("magnitude", "linear")
    assert allocation.budget_unit == "parameter"


def test_an_ablation_changes_one_ingredient():
    for who in ABLATIONS:
        kinds = {
            name.partition("_")[0]
            for name, value in asdict(who.settings).items()
            if value != asdict(RECIPE)[name]
        }
        assert len(kinds) == 1 or "paper" in who.changed, who.changed


def test_short_lora_is_as_short_in_its_first_step_as_the_recipe():
    """η s √(d₁r/3) against η s √r, in the matrices of 384 rows; see `experiments.recipe.derivation`."""
    (one,) = (
        who
        for who in CONTENDERS
        if who.method == "lora"
        and (who.task, who.budget, who.changed) == ("wordnet24", 8, "short first steps")
    )
    s = cell(one, 1e-3, 0, steps=200).adapter.scale(384)
    assert s * math.sqrt(384 / 3) == pytest.approx(RECIPE.scale)


def test_rates_are_chosen_on_seeds_that_are_used():
    for ground in GROUNDS.values():
        assert set(CHOOSING_SEEDS) < set(ground.seeds)


def test_a_task_that_is_dear_takes_fewer_steps():
    one = cell(Contender("wordnet_definitions", "adalora", 8), 1e-3, 0, steps=200)
    assert (one.model, one.training.max_steps, one.training.lr_warmup) == ("smollm2", 100, 10)
    assert (one.allocation.warmup_steps, one.allocation.final_steps) == (20, 30)
