"""A run against a machine."""

from dataclasses import replace

import pytest

from experiments.planning.estimate import estimate
from experiments.planning.machine import Machine
from experiments.planning.page import page
from experiments.planning.text import binary, decimal, duration

GPU = Machine("cuda", 2**43, 80 * 2**30, 2**43)


@pytest.fixture
def planned(large):
    def make(machine, **changes):
        return replace(estimate(large(**changes), 0.0), machine=machine)

    return make


def test_a_large_model_does_not_fit_a_small_machine(planned):
    found = planned(Machine("cpu", 2**34, None, 2**20))
    told = page(found)
    for what in ("main memory is 16.0 GiB, and at least 267", "room in output_dir", "training.save_every: 0"):
        assert what in told
    assert "fits this machine" not in told


def test_on_an_accelerator_it_is_read_as_a_whole_and_trained_in_parts(planned):
    assert "the accelerator's memory is 80.0 GiB" in page(planned(GPU))
    four = planned(GPU, method="adalora-nf4")
    assert (four.memory, four.own) == (four.subject.base.loaded, four.sizes.training)
    assert page(four).endswith("fits this machine, activations apart.")
    little = planned(replace(GPU, memory=2**34), method="adalora-nf4")
    assert "main memory is 16.0 GiB" in page(little)


def test_a_paged_optimizer_may_leave_the_accelerator(planned):
    training = {"max_steps": 1, "optimizer": "paged_adamw_32bit"}
    found = planned(GPU, method="adalora-nf4", training=training)
    assert found.own == found.sizes.training - found.sizes.optimizer


def test_checkpoints_take_room(planned):
    found = planned(GPU, training={"max_steps": 100, "save_every": 10})
    kept = found.sizes.start.file + found.sizes.start.resume
    assert found.disk == 3 * found.sizes.checkpoint + kept


def test_numbers_are_readable():
    assert [binary(n) for n in (0, 1023, 1536, 5 * 2**40)] == ["0 B", "1023 B", "1.5 KiB", "5.0 TiB"]
    assert decimal(2.5e12, "FLOP") == "2.5 TFLOP"
    times = [duration(s) for s in (0.0123, 5, 600, 36_000, 864_000)]
    assert times == ["12.3 ms", "5 s", "10 min", "10 h", "10 days"]
