"""What is written while a model trains."""

import json

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerState

import adalora
from adalora import AdaLoRACallback, AdaLoRAController, AdapterConfig, AllocationConfig
from experiments.records import Board, MetricsFile, TripletsFile, plain_names
from tests.models import mlp, mlp_batches


def test_names_are_those_of_our_files():
    logs = {"loss": 1.0, "eval_loss": 2.0, "adalora/penalty": 3.0, "test_accuracy": 4.0}
    assert plain_names(logs) == {"loss": 1.0, "validation_loss": 2.0, "penalty": 3.0, "test_accuracy": 4.0}


def test_every_row_is_a_line_with_its_step(tmp_path):
    file = MetricsFile(tmp_path / "metrics.jsonl")
    for step in (5, 10):
        file.on_log(None, TrainerState(global_step=step), None, logs={"loss": 1.0 / step})
    rows = [json.loads(line) for line in file.path.read_text().splitlines()]
    assert rows == [{"step": 5, "loss": 0.2}, {"step": 10, "loss": 0.1}]


@pytest.fixture
def callback():
    model = adalora.inject(mlp(), AdapterConfig(rank=3, target_modules=["up", "down"]))
    callback = AdaLoRACallback(AllocationConfig())
    callback.controller = AdaLoRAController(
        model, AllocationConfig(recipe="paper", target_rank=2, total_steps=10)
    )
    return callback


def test_the_board_has_loss_metric_budget_and_every_rank(tmp_path, callback):
    board = Board(tmp_path, [callback])
    callback.controller.step = 7
    board.on_log(None, TrainerState(global_step=7), None, logs={"loss": 0.5, "adalora/budget": 6.0})
    board.on_log(None, TrainerState(global_step=7), None, logs={"eval_accuracy": 0.75})
    board.on_log(None, TrainerState(global_step=7), None, logs={"test_accuracy": 0.5})
    board.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    tags = set(events.Tags()["scalars"])
    assert {"train/loss", "validation/accuracy", "test/accuracy"} <= tags
    assert {"allocation/budget", "allocation/penalty", "rank/up", "rank/down"} <= tags
    assert not any("adalora" in tag for tag in tags)
    assert [(event.step, event.value) for event in events.Scalars("rank/up")] == [(7, 3.0)]


def test_the_board_of_a_method_without_a_controller(tmp_path):
    board = Board(tmp_path, [])
    board.on_log(None, TrainerState(global_step=1), None, logs={"loss": 0.5})
    board.close()
    assert EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"] == ["train/loss"]


def test_the_end_of_the_training_is_on_the_board_whatever_the_last_row_was(tmp_path, callback):
    board = Board(tmp_path, [callback])
    callback.controller.step = 9
    board.on_train_end(None, TrainerState(global_step=9), None)
    board.close()
    assert [event.step for event in EventAccumulator(str(tmp_path)).Reload().Scalars("rank/up")] == [9]


def test_a_loss_that_is_not_finite_is_null(tmp_path):
    file = MetricsFile(tmp_path / "metrics.jsonl")
    file.on_log(None, TrainerState(global_step=1), None, logs={"loss": float("nan")})
    assert file.path.read_text() == '{"step": 1, "loss": null}\n'


def test_every_budget_update_leaves_a_line(tmp_path):
    torch.manual_seed(0)
    model = adalora.inject(mlp(), AdapterConfig(rank=3, target_modules=["up", "down"]))
    callback = AdaLoRACallback(AllocationConfig())
    allocation = AllocationConfig(
        orthogonality=0.1, target_rank=2, total_steps=6, warmup_steps=1, final_steps=2, interval=2
    )
    callback.controller = controller = AdaLoRAController(model, allocation)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    controller.attach(optimizer)
    file = TripletsFile(tmp_path / "triplets.jsonl", [callback])
    for x, y in mlp_batches(6):
        model(x, y).backward()
        optimizer.step()
        optimizer.zero_grad()
        file.on_step_end(None, TrainerState(global_step=controller.step), None)
    rows = [json.loads(line) for line in file.path.read_text().splitlines()]
    assert [row["step"] for row in rows] == [row.step for row in controller.history[1:]]
    for row, allocation in zip(rows, controller.history[1:], strict=True):
        assert {module: sum(alive) for module, alive in row["alive"].items()} == allocation.ranks
        assert all(
            len(row["scores"][module]) == len(row["alive"][module]) == 3 for module in allocation.ranks
        )
        lowest = min(
            s for m in allocation.ranks for s, on in zip(row["scores"][m], row["alive"][m], strict=True) if on
        )
        assert lowest == pytest.approx(allocation.threshold)


def test_a_method_without_a_controller_has_no_triplets(tmp_path):
    TripletsFile(tmp_path / "t", []).on_step_end(None, TrainerState(global_step=1), None)
    assert not (tmp_path / "t").exists()
