"""The optimizer of a run."""

import warnings

import pytest
import torch
from transformers import TrainingArguments

import adalora
from adalora import AdapterConfig
from experiments import optimizers
from experiments.config import OPTIMIZERS, TrainingConfig
from tests.models import bert

PAGED = [name for name in OPTIMIZERS if name != "adamw"]


def arguments(tmp_path, training):
    return TrainingArguments(str(tmp_path), optim=optimizers.trainer_name(training), use_cpu=True)


@pytest.mark.parametrize("name", PAGED)
def test_on_the_cpu_one_warning_and_the_plain_one(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    training = TrainingConfig(optimizer=name)
    message = f"training.optimizer is '{name}', which needs a CUDA device; on the CPU plain"
    with pytest.warns(UserWarning, match=message) as seen:
        optimizers.check(training)
    assert optimizers.trainer_name(training) == "adamw_torch_fused"
    assert len(seen) == 1


@pytest.mark.parametrize("name", PAGED)
def test_on_a_gpu_the_trainer_is_asked_for_it(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    training = TrainingConfig(optimizer=name)
    optimizers.check(training)
    assert optimizers.trainer_name(training) == name
    monkeypatch.setattr(optimizers, "find_spec", lambda package: None)
    with pytest.raises(adalora.ConfigError, match=r"needs bitsandbytes; pip install 'adalora\[quant\]'"):
        optimizers.check(training)


def test_plain_adamw_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizers.check(TrainingConfig())
    assert optimizers.trainer_name(TrainingConfig()) == "adamw_torch_fused"


@pytest.mark.parametrize("update", ["svd", "lora"])
def test_rates_and_weight_decay_of_their_own(tmp_path, update):
    model = adalora.inject(
        bert(), AdapterConfig(update=update, rank=2, target_modules=["query"], train_modules=["classifier"])
    )
    training = TrainingConfig(learning_rate=1e-2, left_ratio=4, weight_decay=0.1, factor_weight_decay=0.3)
    optimizer = optimizers.grouped(model, training, arguments(tmp_path, training))
    assert type(optimizer) is torch.optim.AdamW
    groups = {group["name"]: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups}
    assert groups == {
        "right factors": (1e-2, 0.3),
        "left factors": (4e-2, 0.3),
        "other weights": (1e-2, 0.1),
        "biases, norms and magnitudes": (1e-2, 0.0),
    }


def test_without_such_settings_or_factors_the_trainer_makes_its_own(tmp_path):
    model = adalora.inject(bert(), AdapterConfig(rank=2, target_modules=["query"]))
    plain = TrainingConfig(weight_decay=0.1, factor_weight_decay=0.1)
    assert optimizers.grouped(model, plain, arguments(tmp_path, plain)) is None
    asked = TrainingConfig(left_ratio=2)
    assert optimizers.grouped(bert(), asked, arguments(tmp_path, asked)) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "sgd"}, "training.optimizer is 'sgd'; allowed: one of adamw, adamw_8bit"),
        ({"left_ratio": 0}, "training.left_ratio is 0; allowed: a finite number above 0"),
        (
            {"factor_weight_decay": -1},
            "training.factor_weight_decay is -1; allowed: a finite number of at least 0, or null",
        ),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(adalora.ConfigError, match=message):
        TrainingConfig(**settings)


@pytest.mark.cuda
@pytest.mark.parametrize("name", PAGED)
def test_a_gpu_steps_with_it(tmp_path, name):
    model = adalora.inject(bert().cuda(), AdapterConfig(rank=2, target_modules=["query"]))
    training = TrainingConfig(optimizer=name, left_ratio=2)
    settings = TrainingArguments(str(tmp_path), optim=optimizers.trainer_name(training))
    optimizer = optimizers.grouped(model, training, settings)
    assert "bitsandbytes" in type(optimizer).__module__
    model(input_ids=torch.ones(2, 5, dtype=torch.long, device="cuda")).logits.sum().backward()
    optimizer.step()
