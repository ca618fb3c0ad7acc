"""The bar shows numbers at its end."""

from types import SimpleNamespace

from transformers import TrainerState

from experiments.progress import Progress


def test_the_bar_has_a_label_and_the_latest_numbers(capsys):
    state = TrainerState(max_steps=4, is_world_process_zero=True)
    bar = Progress("AdaLoRA")
    bar.on_train_begin(None, state, None)
    state.global_step = 2
    bar.on_step_end(None, state, None)
    bar.on_log(None, state, None, logs={"loss": 0.123456, "adalora/budget": 24.0, "grad_norm": 1.0})
    bar.on_log(None, state, None, logs={"eval_loss": 0.5})
    bar.on_train_end(None, state, None)
    shown = capsys.readouterr().err
    assert "AdaLoRA" in shown
    assert "loss=0.1235, budget=24" in shown
    assert "grad_norm" not in shown


def test_a_measurement_has_a_label_of_its_own(capsys):
    state = TrainerState(max_steps=4, is_world_process_zero=True)
    bar = Progress("AdaLoRA")
    for _ in range(3):
        bar.on_prediction_step(None, state, None, eval_dataloader=[1, 2, 3])
    bar.on_predict(None, state, None, metrics={})
    assert "measuring AdaLoRA: " in capsys.readouterr().err


def test_a_second_process_shows_nothing(capsys):
    state = TrainerState(max_steps=4, is_world_process_zero=False)
    bar = Progress("AdaLoRA")
    bar.on_train_begin(None, state, None)
    bar.on_log(None, SimpleNamespace(), None, logs={"loss": 1.0})
    assert capsys.readouterr().err == ""
