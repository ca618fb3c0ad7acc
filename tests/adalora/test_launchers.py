"""`accelerate launch`, and the HF Trainer under `torchrun`: several processes find what one finds."""

import socket
from pathlib import Path

import pytest

from tests.joined import alone, close, require_same
from tests.processes import launch

HERE = Path(__file__).parent


def accelerate(flags):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return (
        f"-m accelerate.commands.launch --num_processes 2 --num_machines 1 --mixed_precision no "
        f"--dynamo_backend no --main_process_ip 127.0.0.1 --main_process_port {port} {flags}"
    ).split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run", "flags", "kind"),
    [
        ({"wrap": "ddp", "parts": 2}, "--multi_gpu", "DistributedDataParallel"),
        ({"wrap": "fsdp"}, "--use_fsdp --fsdp_version 2", "FSDPMLP"),
        ({"wrap": "fsdp", "parts": 2, "attach_first": True}, "--use_fsdp --fsdp_version 2", "FSDPMLP"),
    ],
    ids=["DDP", "FSDP2", "FSDP2 behind attach"],
)
def test_accelerate_launch(tmp_path, run, flags, kind):
    found = [rank[0] for rank in launch(HERE / "accelerated.py", 2, tmp_path, [run], accelerate(flags))]
    assert found[0]["kind"] == kind
    require_same(found, alone(size=8 * run.get("parts", 1)))
    assert len(list((tmp_path / "saved").glob("*.safetensors"))) == 2


@pytest.mark.slow
def test_the_trainer_under_torchrun(tmp_path):
    script, output = HERE / "trained_by_trainer.py", tmp_path / "run"
    two = launch(script, 2, tmp_path / "2", [{"batch": 4, "output": str(output)}])
    assert two[0][0]["wrapped"] == "DistributedDataParallel"
    assert two[0] == two[1]
    one = launch(script, 1, tmp_path / "1", [{"batch": 8, "output": str(tmp_path / "other")}])
    require_near(two[0][0], one[0][0])
    checkpoint = output / "checkpoint-6"
    assert len(list((checkpoint / "adalora").glob("*.safetensors"))) == 2
    resumed = {"batch": 8, "output": str(output), "resume": str(checkpoint)}
    require_near(launch(script, 1, tmp_path / "resumed", [resumed])[0][0], one[0][0])


@pytest.mark.slow
def test_the_trainer_shards_saves_and_goes_on(tmp_path):
    script, output = HERE / "trained_by_trainer.py", tmp_path / "run"
    two = {"batch": 4, "output": str(output), "sharded": True}
    found = launch(script, 2, tmp_path / "2", [two])
    assert found[0] == found[1]
    assert found[0][0]["wrapped"].startswith("FSDP")
    one = launch(script, 1, tmp_path / "1", [{"batch": 8, "output": str(tmp_path / "other")}])
    require_near(found[0][0], one[0][0])
    checkpoint = output / "checkpoint-6"
    assert len(list((checkpoint / "adalora").glob("*.safetensors"))) == 2  # of all shards, by one process
    resumed = launch(script, 2, tmp_path / "resumed", [{**two, "resume": str(checkpoint)}])
    require_near(resumed[0][0], one[0][0])


def require_near(found, expected):
    assert [row[:3] for row in found["history"]] == [row[:3] for row in expected["history"]]
    close([row[3] or 0.0 for row in found["history"]], [row[3] or 0.0 for row in expected["history"]])
    assert found["weights"].keys() == expected["weights"].keys()
    for name, numbers in expected["weights"].items():
        close(found["weights"][name], numbers)
