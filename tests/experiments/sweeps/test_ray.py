"""Sweeps on a real Ray cluster of three nodes on this machine, of which one is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from adalora import ConfigError
from experiments.config import RunConfig
from experiments.sweeps import engine, ray_address, ray_engine
from experiments.sweeps.cell import run_cell
from experiments.sweeps.resources import Resources
from experiments.sweeps.store import FolderError, Store
from tests.experiments.sweeps import ray_stubs

exceptions = pytest.importorskip("ray", reason="ray is not installed").exceptions
ONE = Resources(cpus=1)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Return the cluster, and a node of it that may be lost; its head trains nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("cache")))
        from ray.cluster_utils import Cluster

        small = {"object_store_memory": 80 * 2**20}
        cluster = Cluster(True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small})
        try:
            _, lost = (cluster.add_node(num_cpus=1, **small) for _ in range(2))
            yield cluster, lost
        finally:
            cluster.shutdown()


@pytest.fixture
def sweep(nodes, tmp_path):
    """Return a function that sweeps on the cluster."""

    def run(configs, store, **words):
        words = {"jobs": None, "resources": ONE, "address": nodes[0].address, "label": "sweep", **words}
        return ray_engine.run_all(configs, store, **words)

    return run


@pytest.fixture
def configs(tmp_path):
    return [
        RunConfig(name=f"seed{seed}", task="t", model="m", seed=seed, output_dir=str(tmp_path))
        for seed in range(8)
    ]


def test_a_node_is_lost_and_no_run_is(nodes, sweep, configs, tmp_path, capsys):
    cluster, lost = nodes

    def lose():
        _wait(lambda: list(tmp_path.glob(f"*-{lost.node_id}-*.begun")))
        cluster.remove_node(lost, allow_graceful=False)

    thread = threading.Thread(target=lose)
    thread.start()
    store = Store(tmp_path / "results")
    writes = []
    store.write = lambda config, result: writes.append(config.seed) or Store.write(store, config, result)
    assert sweep(configs, store, run=ray_stubs.scored) == {}
    thread.join()
    assert sorted(writes) == list(range(8))
    assert len(list(tmp_path.glob("*.begun"))) > 8
    said = capsys.readouterr()
    assert "is begun again: its node died" in said.err
    assert "aylet" not in said.out + said.err

    alone = Store(tmp_path / "alone")

    def local(configs, store, commit):
        for config in configs:
            store.write(config, ray_stubs.scored(config, commit))
            yield config, None

    engine.run_each(configs, alone, local, label="alone")
    assert _files(store) == _files(alone)
    assert len(_files(store)) == 8


def test_what_a_run_raises_is_told_as_it_is_and_a_process_that_dies_is_tried_three_times(
    sweep, configs, tmp_path
):
    store = Store(tmp_path / "results")
    failed = sweep(configs[:2], store, run=ray_stubs.broken)
    assert failed == {
        store.path(configs[0]): "seed0: ValueError: seed 0",
        store.path(
            configs[1]
        ): "seed1: lost 3 times, at last because its process died: killed, most likely for "
        "want of memory, or crashed",
    }
    assert "Traceback" in store.failure_path(configs[0]).read_text()
    assert store.failure(configs[1]).startswith("lost 3 times")
    assert len(list(tmp_path.glob("0-*"))) == 1
    assert len(list(tmp_path.glob("1-*"))) == 3


def test_real_trainings_come_to_what_they_do_here(sweep, config, tmp_path):
    configs = [replace(config(baseline={"head": False}), name=f"seed_{seed}", seed=seed) for seed in (0, 1)]
    store = Store(tmp_path / "results")
    assert sweep(configs, store) == {}
    assert torch.get_num_threads() == 1
    for one in configs:
        found, expected = store.read(one), run_cell(one, None)
        assert found["versions"]["machine"]["threads"] == 1
        for name in ("scores", "ranks", "steps", "trained"):
            assert found[name] == json.loads(json.dumps(expected[name]))


def test_a_run_that_no_node_has_room_for_is_refused(sweep, configs, tmp_path):
    with pytest.raises(
        ConfigError, match=r"resources is 3 cpus, 0 gpus and .* the largest has 1 cpus, 0 gpus"
    ):
        sweep(configs, Store(tmp_path / "results"), resources=Resources(cpus=3))


def test_a_full_disk_ends_the_sweep_and_a_result_that_is_no_json_does_not(configs, tmp_path):
    failure = ray_engine._kept(configs[0], {"scores": object()}, Store(tmp_path / "results"))
    assert failure.reason.startswith("TypeError: ")
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where the folder would be")
    with pytest.raises(FolderError, match="what has finished is kept"):
        ray_engine._kept(configs[0], {"scores": {}}, Store(blocked))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.OutOfMemoryError("much"), "its node ran out of memory, so Ray killed it; ask for more"),
        (exceptions.ObjectStoreFullError("much"), "ObjectStoreFullError: much"),
    ],
)
def test_how_a_run_was_lost_is_told(error, said):
    def get(reference):
        raise error

    assert ray_engine._found(SimpleNamespace(get=get, exceptions=exceptions), None).reason.startswith(said)


def test_where_nothing_or_something_else_answers_is_refused_in_time(configs, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_address, "PATIENCE", 4)
    words = {"jobs": 1, "resources": ONE, "label": "sweep"}
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigError, match="where nothing has answered as Ray does within 4 seconds"):
            ray_engine.run_all(configs, Store(tmp_path / "results"), address=address, **words)
    with pytest.raises(ConfigError, match=f"address is '{address}', where nothing answers: .*refused"):
        ray_engine.run_all(configs, Store(tmp_path / "results"), address=address, **words)


@pytest.mark.parametrize("how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_who_stops_a_sweep_stops_the_cluster_that_it_has_started(how, tmp_path):
    program = """
        import signal
        import sys
        from experiments.config import RunConfig
        from experiments.sweeps import ray_engine
        from experiments.sweeps.resources import Resources
        from experiments.sweeps.store import Store
        from tests.experiments.sweeps import ray_stubs

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have let us ignore it
        here = sys.argv[1]
        configs = [RunConfig(name=f"{s}", task="t", model="m", seed=s, output_dir=here) for s in range(40)]
        words = {"jobs": 1, "resources": Resources(), "address": None, "label": "sweep"}
        ray_engine.run_all(configs, Store(Path(here) / "results"), run=ray_stubs.scored, **words)
    """
    script = tmp_path / "program.py"
    script.write_text("from pathlib import Path\n" + textwrap.dedent(program))
    mark = f"ADALORA_TEST={tmp_path}"
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, str(script), str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "ADALORA_TEST": str(tmp_path)},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    results = tmp_path / "results"
    _wait(lambda: results.exists() and list(results.glob("*.json")))
    assert process.poll() is None
    os.kill(process.pid, how)
    assert process.wait(timeout=60) != 0
    _wait(lambda: not _marked(mark), 30)
    assert not _marked(mark)
    assert 1 <= len(list(results.glob("*.json"))) < 40


def _marked(mark):
    """Return the processes that have inherited a variable."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(process.name)
        except OSError:
            continue
    return found


def _wait(until, seconds=120):
    deadline = time.monotonic() + seconds
    while not until() and time.monotonic() < deadline:
        time.sleep(0.05)


def _files(store):
    return {path.name: path.read_bytes() for path in store.folder.iterdir()}
