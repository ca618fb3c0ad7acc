"""From a sweep to the settings of its runs."""

import pytest

from adalora import ConfigError
from experiments.commands.train import reader
from experiments.mappings import flatten
from experiments.sweeps.entries import entries_of
from experiments.sweeps.plan import Plan

BASE = {
    "name": "base",
    "task": "stsb",
    "model": "minilm",
    "adapter": {"rank": 2, "target_modules": ["query"]},
}


def runs(*grids):
    entries = entries_of(Plan("swept", BASE, grids, "runs"), BASE, reader())
    return [run for entry in entries for run in entry.configs()]


def test_every_combination_is_a_run_that_is_named_by_what_varies():
    found = runs({"adapter.rank": [4, 8], "seed": [0, 1], "training.learning_rate": ["1e-3"]})
    assert [run.name for run in found] == ["rank_4-seed_0", "rank_4-seed_1", "rank_8-seed_0", "rank_8-seed_1"]
    assert [(run.adapter.rank, run.seed) for run in found] == [(4, 0), (4, 1), (8, 0), (8, 1)]
    assert {run.training.learning_rate for run in found} == {1e-3}
    assert {tuple(run.adapter.target_modules) for run in found} == {("query",)}
    assert [run.name for run in runs({"seed": [3]})] == ["swept"]


def test_a_run_is_what_adalora_train_would_make_of_it():
    (lora, adaptive) = runs({"method": ["lora", "adalora"], "data.train_rows": [None]})
    assert (lora.adapter.update, lora.adapter.init) == ("lora", "kaiming")
    assert (adaptive.adapter.update, adaptive.adapter.init) == ("svd", "orthogonal")
    assert lora == reader()(flatten(BASE | {"name": lora.name, "method": "lora"}))


def test_a_group_of_settings_varies_as_one():
    found = runs({"adapter": [{"rank": 4, "alpha": 1}, {"rank": 8, "alpha": 2}]})
    assert [(run.adapter.rank, run.adapter.alpha) for run in found] == [(4, 1.0), (8, 2.0)]
    assert [run.name for run in found] == ["adapter_rank_4.alpha_1", "adapter_rank_8.alpha_2"]


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"adapter.rnk": [1]}, r"^run swept: adapter.rnk is no setting\. Did you mean 'adapter.rank'"),
        ({"seed": [0, "x"]}, r"^run seed_x: seed is 'x'; allowed: a whole number"),
        ({"adapter": [{"rnk": 1}]}, r"adapter.rnk is no setting"),
        ({"method": ["lora", "lore"]}, r"^run method_lore: method is 'lore'; .* Did you mean 'lora'"),
        ({"method": ["lora", "adalora"], "adapter.update": ["lora"]},
         r"^run method_adalora: adapter.update is 'lora'; allowed: 'svd' with method: adalora"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_run(grid, said):
    with pytest.raises(ConfigError, match=said):
        runs(grid)


@pytest.mark.parametrize(
    ("grids", "said"),
    [
        ([{"seed": [0, 0]}], r"\(seed=0\) and \(seed=0\) come to one run"),
        ([{"method": ["lora"], "allocation.target_rank": [1, 2]}],
         r"\(method=lora, allocation.target_rank=1\) and \(method=lora, allocation.target_rank=2\) come to one"),
        ([{"seed": [0, 1]}, {"seed": [1], "adapter.rank": [2]}], r"\(seed=1\) and \(adapter.rank=2, seed=1\) come"),
        ([{"method": ["lora"], "adapter.update": ["lora", "svd"], "adapter.init": ["pissa"]}], "come to one run"),
    ],
)  # fmt: skip
def test_two_combinations_that_are_one_run_are_named(grids, said):
    with pytest.raises(ConfigError, match=said):
        runs(*grids)
