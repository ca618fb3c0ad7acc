"""`fully_shard`: processes that each hold a shard find what one finds on the joined batches.

P is cut by rows, so every triplet is split; λ and Q are cut by triplets, of which five go on two or four processes.
"""

import pytest

from tests.adalora.test_ddp import MODES, WORKER, compared
from tests.processes import launch

PLAIN = {"wrap": "fsdp"}
UNEVEN = {"wrap": "fsdp", "size": 7, "parts": 2}  # 4 and 3 rows, each in two parts without synchronisation


def test_two_processes_equal_one(tmp_path):
    runs = [PLAIN, UNEVEN]
    found = launch(WORKER, 2, tmp_path, runs)
    compared(found, runs)
    for rank in found:
        assert rank[0]["held"] == rank[0]["shrunk"] == [[8, 5], [6, 5]]  # shards keep their sizes
        assert sum(rank[0]["ranks"].values()) == 4


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_every_mode_and_four_processes(tmp_path, processes):
    runs = [{**PLAIN, "settings": mode} for mode in MODES]
    runs += [{**PLAIN, "size": 7}, {"wrap": "fsdp_root"}, {"wrap": "fsdp_whole"}]
    compared(launch(WORKER, processes, tmp_path, runs), runs)


@pytest.mark.slow
def test_compiled(tmp_path):
    runs = [
        {"wrap": wrap, "compiled": how} for wrap in ("fsdp", "fsdp_root") for how in ("eager", "aot_eager")
    ]
    compared(launch(WORKER, 2, tmp_path, runs), runs)


@pytest.mark.slow
def test_a_full_state_is_taken_up_by_another_number_of_processes(tmp_path):
    start = {**PLAIN, "optimizer": "SGD", "until": 12, "save": "adalora"}
    compared(launch(WORKER, 2, tmp_path / "two", [start]), [start])
    saved = tmp_path / "two/0/saved"
    assert len(list(saved.glob("*.safetensors"))) == 2
    rest = {"optimizer": "SGD", "load": str(saved)}
    four = [{**PLAIN, **rest}, {**PLAIN, **rest, "early": True}, {"wrap": "ddp", **rest, "early": True}]
    compared(launch(WORKER, 4, tmp_path / "four", four), four)
    one = [{"wrap": "none", **rest}]
    compared(launch(WORKER, 1, tmp_path / "one", one), one)


@pytest.mark.slow
def test_a_sharded_state_is_taken_up_by_another_number_of_processes(tmp_path):
    two = {**PLAIN, "until": 12, "save": "dcp"}
    compared(launch(WORKER, 2, tmp_path / "2", [two]), [two])
    four = {**PLAIN, "load": str(tmp_path / "2/0/dcp"), "until": 18, "save": "dcp"}
    compared(launch(WORKER, 4, tmp_path / "4", [four]), [four])
    one = {"wrap": "none", "load": str(tmp_path / "4/0/dcp")}
    compared(launch(WORKER, 1, tmp_path / "1", [one]), [one])
