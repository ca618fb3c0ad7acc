"""Runs beside each other, each once."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from adalora import ConfigError
from experiments.sweeps import pool
from experiments.sweeps.pool import run_all
from experiments.sweeps.store import FolderError, Store
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
    assert list(failed) == [store.path(broken)]
    assert failed[store.path(broken)].startswith("broken: ConfigError: task is 'nothing'")
    assert len(list(store.folder.iterdir())) == 4
    assert store.failure(broken).startswith("ConfigError: task is 'nothing'")
    assert "Traceback" in store.failure_path(broken).read_text()
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


def test_an_interrupt_begins_no_further_run(tmp_path):
    """Ctrl-C goes to every process of the terminal."""
    program = """
        import signal
        import time
        from pathlib import Path
        from experiments.sweeps import pool
        from experiments.config import RunConfig
        from experiments.sweeps.store import Store

        def run(config, folder, commit):
            Path(folder, f"{config.seed}").touch()
            time.sleep(1)

        pool._run = run
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have let us ignore it
        if __name__ == "__main__":
            configs = [RunConfig(name="x", task="t", model="m", seed=seed) for seed in range(40)]
            pool.run_all(configs, Store(Path("results")), jobs=2, label="sweep")
    """
    script, results = tmp_path / "sweep.py", tmp_path / "results"
    script.write_text(textwrap.dedent(program))
    results.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path.cwd())])}
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 120
    while not list(results.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in stderr
    assert 1 <= len(list(results.iterdir())) <= 6


def test_a_process_that_dies_is_no_failure_of_the_runs_that_wait(configs, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "_prepare", os._exit)  # called with the number of threads
    store = Store(tmp_path / "results")
    with pytest.raises(
        ConfigError, match="jobs is 2, and a process of them has died, most likely for want of"
    ):
        run_all(configs, store, jobs=2, label="sweep")
    assert not store.folder.exists()


def test_a_full_disk_ends_the_sweep(configs, tmp_path):
    blocked = tmp_path / "results"
    blocked.write_text("a file, where the folder would be")
    with pytest.raises(
        FolderError, match=r"results/\w+\.json cannot be written: .* what has finished is kept"
    ):
        run_all(configs[:1], Store(blocked), jobs=1, label="sweep")
