"""What the machine says of itself."""

import torch

from experiments.planning import machine
from experiments.planning.machine import main_memory, matmul_rate, this_machine


def test_there_is_memory_and_a_disk(tmp_path):
    found = this_machine(tmp_path / "not" / "there" / "yet")
    assert found.memory == main_memory() > 2**27
    assert found.disk > 0
    assert (found.own is None) == (not torch.cuda.is_available())


def test_a_container_may_take_less(tmp_path, monkeypatch):
    whole = main_memory()
    limit, none = tmp_path / "limit", tmp_path / "none"
    limit.write_text("1000000\n")
    none.write_text("max\n")
    monkeypatch.setattr(machine, "_LIMITS", (none,))
    assert main_memory() >= whole
    monkeypatch.setattr(machine, "_LIMITS", (none, limit, tmp_path / "nowhere"))
    assert main_memory() == 1_000_000


def test_a_rate_is_measured():
    assert matmul_rate("cpu", torch.float32, seconds=0.0, side=64) > 1e6
