"""Runs beside each other, each once."""

from dataclasses import replace

import pytest

from experiments.sweeps.pool import run_all
from experiments.sweeps.store import Store
from tests.experiments import tiny


@pytest.fixture
def configs(bert, tmp_path):
    opinions = tiny.write_opinions(tmp_path / "opinions")
    base = tiny.config(bert, opinions, tmp_path / "runs", baseline={"head": False})
    return [replace(base, name=f"seed{seed}", seed=seed) for seed in (0, 1)] + [
        replace(base, name="lora", method="lora")
    ]


def test_every_run_leaves_its_numbers_and_a_broken_one_its_reason(configs, tmp_path):
    store = Store(tmp_path / "results")
    broken = replace(configs[0], name="broken", task="nothing")
    failed = run_all([*configs, configs[0], broken], store, jobs=2, label="sweep")
    assert list(failed) == ["broken"]
    assert "task is 'nothing'" in failed["broken"]
    assert len(list(store.folder.iterdir())) == 3
    for config in configs:
        found = store.read(config)
        assert set(found["scores"]) == {"validation"}
        assert found["steps"] == 8
        assert found["trained"] > 0
        assert sum(found["ranks"].values()) == (24 if config.method == "adalora" else 48)
    assert store.read(configs[0])["ranks"] != store.read(configs[1])["ranks"]

    before = {path: path.stat().st_mtime_ns for path in store.folder.iterdir()}
    assert run_all(configs, store, jobs=1, label="sweep") == {}
    assert {path: path.stat().st_mtime_ns for path in store.folder.iterdir()} == before
