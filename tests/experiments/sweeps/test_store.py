"""Results by the hash of their settings."""

import hashlib
import json
import resource
import signal
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from adalora import CheckpointError
from experiments import methods
from experiments.recipe.cells import CHOOSING_SEEDS, CONTENDERS, cell
from experiments.sweeps.store import _LATER, _NO_MATTER, FolderError, Store, key_of
from tests.experiments import tiny


@pytest.fixture
def config(bert, tmp_path):
    return tiny.config(bert, tmp_path / "data", tmp_path / "runs")


def test_the_key_is_of_what_decides(config):
    key = key_of(config)
    assert len(key) == 16
    assert key == key_of(replace(config, name="other", output_dir="elsewhere", overwrite=True))
    for other in (
        replace(config, seed=1),
        replace(config, training=replace(config.training, learning_rate=2e-3)),
        replace(config, adapter=replace(config.adapter, alpha=17.0)),
    ):
        assert key_of(other) != key


def test_a_younger_setting_changes_the_key_only_where_it_changes_the_run(config):
    def old_key():
        method = methods.get(config.method)
        settings = asdict(method.resolve(config))
        for name in (*_NO_MATTER, *method.ignored):
            del settings[name]
        del settings["allocation"]["nonfinite"]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]

    skips = replace(config, allocation=replace(config.allocation, nonfinite="skip"))
    assert key_of(config) == old_key() != key_of(skips)
    for path, usual in _LATER.items():
        found = config
        for name in path:
            found = getattr(found, name)
        assert found == usual


def test_a_fixed_rank_has_no_allocation(config):
    allocated = replace(config, allocation=replace(config.allocation, beta1=0.5))
    assert key_of(allocated) != key_of(config)
    assert key_of(replace(allocated, method="lora")) == key_of(replace(config, method="lora"))


def test_what_says_a_method_and_what_says_its_settings_are_one_run(config):
    plus = replace(config, training=replace(config.training, left_ratio=16.0))
    assert key_of(replace(config, method="lora+")) == key_of(replace(plus, method="lora+"))


def test_the_kept_runs_of_the_recipe_are_found():
    store = Store(Path(__file__).parents[3] / "experiments/results/recipe/cells")
    for who in CONTENDERS:
        for rate in who.rates:
            for seed in CHOOSING_SEEDS:
                assert store.has(cell(who, rate, seed, steps=200)), (who, rate, seed)


def test_all_results_are_there_to_be_read(config, tmp_path):
    store = Store(tmp_path)
    assert list(store) == []
    for seed in (1, 2):
        store.write(replace(config, seed=seed), {"score": seed})
    assert sorted(found["score"] for found in store) == [1, 2]


def test_what_was_written_is_read_back(config, tmp_path):
    store = Store(tmp_path / "a" / "b")
    assert not store.has(config)
    store.write(config, {"scores": {"test": {"accuracy": float("nan")}}})
    assert store.has(config)
    found = store.read(config)
    assert found["scores"] == {"test": {"accuracy": None}}
    assert found["config"]["training"]["max_steps"] == 8
    assert [path.name for path in store.folder.iterdir()] == [f"{key_of(config)}.json"]


def test_half_a_file_is_named(config, tmp_path):
    store = Store(tmp_path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        store.read(config)
    store.path(config).write_text("{")
    with pytest.raises(CheckpointError, match=r"cannot be read: .*; remove it, and run the sweep again"):
        store.read(config)
    with pytest.raises(CheckpointError, match=r"cannot be read: .*; remove it, and run the sweep again"):
        list(store)


def test_a_failure_is_there_until_a_result_is(config, tmp_path):
    store = Store(tmp_path)
    assert store.failure(config) is None
    store.write_failure(config, "ValueError: no", "Traceback ...")
    assert (store.failure(config), store.has(config), list(store)) == ("ValueError: no", False, [])
    store.forget_failure(config)
    assert store.failure(config) is None
    store.write_failure(config, "ValueError: no", "Traceback ...")
    store.write(config, {})
    assert store.failure(config) is None
    assert [path.name for path in tmp_path.iterdir()] == [f"{key_of(config)}.json"]


@pytest.fixture
def small_disk():
    """Return nothing, while files of more than 100 bytes cannot be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_nothing_and_says_what_is_needed(config, tmp_path, small_disk):
    store = Store(tmp_path / "results")
    said = r"\.json cannot be written: .*\. It needs \d,\d+ bytes, and [\d,]+ are free; make room, or give another"
    with pytest.raises(FolderError, match=said):
        store.write(config, {"score": 1})
    assert list(store.folder.iterdir()) == []
