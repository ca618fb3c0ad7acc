"""Which runs are trained."""

from dataclasses import replace

import pytest

from experiments import files
from experiments.commands import train
from experiments.findings import runs
from experiments.findings.config import FiguresConfig

RECIPES = {name: train.read([name]) for name in ("lora", "adalora")}


def test_no_two_runs_share_a_seed():
    seeds = [planned.seed for planned in runs.RUNS.values()]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("name", runs.RUNS)
def test_first_steps_are_equally_long_at_every_rank(name):
    found = runs.settings(name, RECIPES, "runs", 200)
    recipe = RECIPES[runs.RUNS[name].recipe]
    lengths = [adapter.scale(384) * adapter.rank**0.5 for adapter in (found.adapter, recipe.adapter)]
    assert lengths[0] == pytest.approx(lengths[1])
    assert found.adapter.rank == runs.RUNS[name].rank
    assert found.training.max_steps == 200
    assert (found.name, found.seed) == (name, runs.RUNS[name].seed)


def test_phases_keep_their_shares():
    allocation = runs.settings("adalora", RECIPES, "runs", 200).allocation
    recipe = RECIPES["adalora"]
    assert allocation.warmup_steps / 200 == recipe.allocation.warmup_steps / recipe.training.max_steps
    assert allocation.final_steps / 200 == recipe.allocation.final_steps / recipe.training.max_steps


def test_only_what_is_missing_is_trained(tmp_path, monkeypatch):
    configs = {
        name: runs.settings(name, RECIPES, str(tmp_path), 200) for name in ("lora-r2", "lora-r8", "adalora")
    }
    for name in ("lora-r2", "lora-r8"):
        folder = files.path_of(configs[name])
        folder.mkdir(parents=True)
        kept = configs[name] if name == "lora-r2" else replace(configs[name], seed=9)
        (folder / files.CONFIG).write_text(files.to_yaml(kept))
        (folder / files.RESULTS).write_text("{}")
    trained = []
    monkeypatch.setattr(runs, "train", lambda config: trained.append((config.name, config.overwrite)))
    folders = runs.train_all(configs)
    assert trained == [("lora-r8", True), ("adalora", True)]
    assert folders == {name: tmp_path / name for name in configs}


def test_settings_are_checked():
    with pytest.raises(ValueError, match="steps is 3; allowed: at least 4"):
        FiguresConfig(steps=3)
