"""Settings refuse what is not allowed, and say so."""

import pytest

from adalora import ConfigError
from experiments.config import BaselineConfig, DataConfig, EvaluationConfig, RunConfig, TrainingConfig

RUN = {"name": "a", "task": "stsb", "model": "minilm"}


@pytest.mark.parametrize(
    ("settings", "values", "field"),
    [
        (TrainingConfig, {"learning_rate": 0.0}, "training.learning_rate"),
        (TrainingConfig, {"epochs": -1.0}, "training.epochs"),
        *(
            (TrainingConfig, {name: value}, f"training.{name}")
            for name in (
                "learning_rate",
                "left_ratio",
                "epochs",
                "weight_decay",
                "factor_weight_decay",
                "lr_warmup",
                "max_grad_norm",
                "classifier_dropout",
            )
            for value in (float("inf"), float("nan"), 10**400)
        ),
        (TrainingConfig, {"max_steps": 0}, "training.max_steps"),
        (TrainingConfig, {"batch_size": 0}, "training.batch_size"),
        (TrainingConfig, {"accumulation": 0}, "training.accumulation"),
        (TrainingConfig, {"weight_decay": -0.1}, "training.weight_decay"),
        (TrainingConfig, {"lr_warmup": -1}, "training.lr_warmup"),
        (TrainingConfig, {"max_grad_norm": -1}, "training.max_grad_norm"),
        (TrainingConfig, {"classifier_dropout": 1.0}, "training.classifier_dropout"),
        (TrainingConfig, {"lr_schedule": "step"}, "training.lr_schedule"),
        (TrainingConfig, {"precision": "int8"}, "training.precision"),
        (TrainingConfig, {"log_every": 0}, "training.log_every"),
        (TrainingConfig, {"save_every": -1}, "training.save_every"),
        (DataConfig, {"max_length": 3}, "data.max_length"),
        (DataConfig, {"target_length": 0}, "data.target_length"),
        (DataConfig, {"stride": -1}, "data.stride"),
        (DataConfig, {"train_rows": 0}, "data.train_rows"),
        (DataConfig, {"eval_rows": 0}, "data.eval_rows"),
        (DataConfig, {"text_columns": []}, "data.text_columns"),
        (EvaluationConfig, {"every": -1}, "evaluation.every"),
        (EvaluationConfig, {"batch_size": 0}, "evaluation.batch_size"),
        (EvaluationConfig, {"beams": 0}, "evaluation.beams"),
        (EvaluationConfig, {"answer_length": 0}, "evaluation.answer_length"),
        (BaselineConfig, {"learning_rate": 0.0}, "baseline.learning_rate"),
        (RunConfig, {**RUN, "name": "../elsewhere"}, "name"),
        (RunConfig, {**RUN, "name": ".."}, "name"),
        (RunConfig, {**RUN, "model": ""}, "model"),
        (RunConfig, {**RUN, "seed": -1}, "seed"),
    ],
)
def test_a_wrong_value_is_named(settings, values, field):
    with pytest.raises(ConfigError, match=rf"^{field} is .*; allowed: "):
        settings(**values)


def test_a_name_may_hold_what_a_folder_may():
    assert RunConfig(**{**RUN, "name": "run_2.b-1"}).name == "run_2.b-1"
