"""`DistributedDataParallel`: several processes find what one finds on the joined batches."""

from pathlib import Path

import pytest

from tests.joined import alone, require_same
from tests.processes import launch

WORKER = Path(__file__).parent / "worker.py"
PLAIN = {"wrap": "ddp"}
UNEVEN = {"wrap": "ddp", "size": 7, "parts": 2}  # 4 and 3 rows, each in two parts under no_sync


def how(run):
    """Return what matters to one process, too."""
    return {
        key: run[key] for key in ("settings", "size", "parts", "optimizer", "until", "spoiled") if key in run
    }


def compared(found, runs):
    for number, run in enumerate(runs):
        require_same([rank[number] for rank in found], alone(**how(run)))


def test_two_processes_equal_one(tmp_path):
    runs = [PLAIN, UNEVEN, {"wrap": "ddp", "seeds": True}]
    found = launch(WORKER, 2, tmp_path, [*runs, {"job": "disagreeing"}])
    compared(found, runs)
    # Copies keep their size as long as the wrapper is there.
    for rank in found:
        assert rank[0]["held"] == [[8, 5], [6, 5]]
        assert sum(shape[1] for shape in rank[0]["shrunk"]) == 4
    # The first process decides, unless a controller was told that it is alone.
    one, two = (rank[len(runs)] for rank in found)
    assert one["all"] == two["all"]
    assert one["own"] != two["own"]
    # One that trains alone saves by itself, and its tensors need not keep their sizes for others.
    for rank in (one, two):
        assert {"all-0", "own-0", "own-1"} == set(rank["written"])
        assert rank["all shapes"] == [[8, 5], [6, 5]]
        assert sum(shape[1] for shape in rank["own shapes"]) == 4


def test_a_matrix_without_triplets_is_not_waited_for_and_a_metric_of_one_process_holds_nobody_up(tmp_path):
    found = launch(WORKER, 2, tmp_path, [{"job": "emptied"}, {"job": "measured"}])
    assert found[0][0] == found[1][0]
    assert found[0][0]["up"] == [8, 0]
    assert "accuracy" in found[0][1]["error"]
    assert found[1][1] == {}


SPOILED = {"settings": {"nonfinite": "skip"}, "spoiled": [5, 6, 11]}


@pytest.mark.filterwarnings("ignore:the gradients of step .* are not finite")
def test_a_gradient_that_is_not_finite_on_one_process_is_found_on_all(tmp_path):
    wraps = ("ddp", "fsdp", "fsdp_root")
    runs = [{"wrap": wrap, **SPOILED} for wrap in wraps]
    found = launch(WORKER, 2, tmp_path, [*runs, *({"job": "raising", "wrap": wrap} for wrap in wraps)])
    compared(found, runs)
    for rank in found:
        assert [one["skipped"] for one in rank[: len(runs)]] == [3, 3, 3]
        for one in rank[len(runs) :]:
            assert one["error"].startswith("at step 3 the gradients of 6 parameters have a NaN")
            assert one["same"]


MODES = [
    {"score_at": "after_step"},
    {"prune": "hard", "orthogonality_of": "kept", "scorer": "sensitivity"},
    {"orthogonality_form": "squared_sum", "scorer": "magnitude"},
    {"budget_unit": "parameter"},
]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_every_mode_and_four_processes(tmp_path, processes):
    runs = [{**PLAIN, "settings": mode} for mode in MODES] + [{**PLAIN, "size": 7}]
    compared(launch(WORKER, processes, tmp_path, runs), runs)


@pytest.mark.slow
def test_compiled(tmp_path):
    runs = [{**PLAIN, "compiled": backend} for backend in ("eager", "aot_eager")]
    compared(launch(WORKER, 2, tmp_path, runs), runs)


@pytest.mark.slow
def test_a_run_is_taken_up_by_another_number_of_processes(tmp_path):
    start = {**PLAIN, "optimizer": "SGD", "until": 12, "save": "adalora"}
    compared(launch(WORKER, 2, tmp_path / "two", [start]), [start])
    saved = tmp_path / "two/0/saved"
    assert len(list(saved.glob("*.safetensors"))) == 2  # all have called save, one has written
    rest = {**PLAIN, "optimizer": "SGD", "load": str(saved), "early": True}
    for processes in (4, 1):
        compared(launch(WORKER, processes, tmp_path / str(processes), [rest]), [rest])


@pytest.mark.slow
def test_what_does_not_fit_under_a_wrapper_is_refused(tmp_path):
    shrunk = tmp_path / "shrunk"
    alone(settings={"compact": True}, folder=shrunk)
    wraps = {"ddp": "DistributedDataParallel", "fsdp": "fully_shard"}
    runs = [
        {"job": "refused", "wrap": wrap, "load": str(shrunk), "inner": inner}
        for wrap in wraps
        for inner in (True, False)
    ]
    for rank in launch(WORKER, 2, tmp_path, runs):
        for one, holder in zip(rank, [kind for kind in wraps.values() for _ in range(2)], strict=True):
            assert one["same"]
            assert f"held by {holder}, whose parameters keep their sizes" in one["error"]
