"""Events, read back from disk."""

import math

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

import adalora
from analysis import log_controller, log_scalars


@pytest.fixture
def controller():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Tanh(), torch.nn.Linear(6, 6))
    adalora.inject(model, adalora.AdapterConfig(rank=4, target_modules=["0", "2"]))
    allocation = adalora.AllocationConfig(
        recipe="paper", target_rank=2, total_steps=6, warmup_steps=1, interval=2
    )
    controller = adalora.AdaLoRAController(model, allocation)
    controller.model = model
    return controller


def train(controller, steps):
    optimizer = torch.optim.AdamW([p for p in controller.model.parameters() if p.requires_grad], lr=0.1)
    controller.attach(optimizer)
    for _ in range(steps):
        controller.model(torch.randn(5, 6)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    controller.detach()


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"histograms": 0, "scalars": 0})
    return events.Reload()


def test_scalars(tmp_path):
    with SummaryWriter(str(tmp_path)) as writer:
        log_scalars(writer, 3, {"loss": 0.5, "eval/accuracy": 1, "penalty": torch.tensor(0.25)})
        log_scalars(writer, 4, {"loss": math.nan})
    events = read(tmp_path)
    assert [(event.step, event.value) for event in events.Scalars("eval/accuracy")] == [(3, 1.0)]
    assert [(event.step, event.value) for event in events.Scalars("penalty")] == [(3, 0.25)]
    assert events.Scalars("loss")[0].value == 0.5
    assert math.isnan(events.Scalars("loss")[1].value)


def test_controller_in_the_middle_of_a_run(tmp_path, controller):
    train(controller, 5)
    with SummaryWriter(str(tmp_path)) as writer:
        log_controller(writer, controller)
    events = read(tmp_path)
    logged = {tag: events.Scalars(tag)[0] for tag in events.Tags()["scalars"]}
    expected = {
        "allocation/budget": controller.budget,
        "allocation/penalty": float(controller.penalty),
        "allocation/threshold": controller.history[-1].threshold,
    } | {f"rank/{module}": rank for module, rank in controller.ranks().items()}
    assert {tag: event.value for tag, event in logged.items()} == pytest.approx(expected, rel=1e-6)
    assert {event.step for event in logged.values()} == {5}
    assert (
        sum(event.value for tag, event in logged.items() if tag.startswith("rank/")) == controller.budget < 8
    )


def test_score_histograms(tmp_path, controller):
    train(controller, 3)
    with SummaryWriter(str(tmp_path)) as writer:
        log_controller(writer, controller)
    for module, scores in controller.scores().items():
        [event] = read(tmp_path).Histograms(f"log10_score/{module}")
        assert event.histogram_value.num == len(scores) == 4
        assert event.histogram_value.min == pytest.approx(scores.log10().min().item())
        assert event.histogram_value.max == pytest.approx(scores.log10().max().item())


def test_before_the_first_step_scores_are_zero(tmp_path, controller):
    with SummaryWriter(str(tmp_path)) as writer:
        log_controller(writer, controller)
    tags = read(tmp_path).Tags()
    assert set(tags["scalars"]) == {"allocation/budget", "allocation/penalty", "rank/0", "rank/2"}
    assert tags["histograms"] == []


@pytest.mark.parametrize("scores", [[], [0.0, 0.0], [math.nan, math.inf], [0.5, 0.5]])
def test_any_scores_can_be_logged(tmp_path, controller, monkeypatch, scores):
    monkeypatch.setattr(controller, "scores", lambda: {"0": torch.tensor(scores)})
    with SummaryWriter(str(tmp_path)) as writer:
        log_controller(writer, controller)
    assert read(tmp_path).Tags()["histograms"] == (["log10_score/0"] if 0.5 in scores else [])
