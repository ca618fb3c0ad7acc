"""Engines by name, and what they share."""

import pytest

from adalora import ConfigError
from experiments.config import RunConfig
from experiments.sweeps import engines
from experiments.sweeps.engine import Failure, run_each
from experiments.sweeps.engines import Wanted, engine_of
from experiments.sweeps.store import FolderError, Store


def test_an_engine_that_is_not_installed_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as error:
        engine_of("ray", Wanted())
    assert str(error.value) == "engine is 'ray', which is not installed; pip install 'adalora[ray]'."


def test_only_what_waits_is_trained_and_what_fails_is_written(tmp_path):
    configs = [RunConfig(name=f"seed{seed}", task="t", model="m", seed=seed) for seed in range(3)]
    store = Store(tmp_path)
    store.write(configs[0], {})
    seen = []

    def train(configs, store, commit):
        seen.extend(config.name for config in configs)
        yield configs[0], Failure("ValueError: no", "Traceback")
        store.write(configs[1], {})
        yield configs[1], None

    failed = run_each([*configs, configs[1]], store, train, label="sweep")
    assert seen == ["seed1", "seed2"]
    assert failed == {store.path(configs[1]): "seed1: ValueError: no"}
    assert store.failure(configs[1]) == "ValueError: no"
    assert run_each([configs[0]], store, None, label="sweep") == {}


def test_an_engine_is_closed_where_the_sweep_ends_before_it(tmp_path):
    blocked = tmp_path / "results"
    blocked.write_text("a file, where the folder would be")
    closed = []

    def train(configs, store, commit):
        try:
            yield configs[0], Failure("ValueError: no", "Traceback")
        finally:
            closed.append(True)

    config = RunConfig(name="x", task="t", model="m")
    with pytest.raises(FolderError):
        run_each([config], Store(blocked), train, label="sweep")
    assert closed == [True]
