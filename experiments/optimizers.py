"""The optimizer of a run: AdamW, with its state in 8 bits or in pages where there is a GPU."""

import warnings
from importlib.util import find_spec
from typing import cast

import torch
from torch import nn
from torch.optim import Optimizer
from transformers import Trainer, TrainingArguments

import adalora

from .config import TrainingConfig

_PLAIN = "adamw_torch_fused"  # as the Trainer itself would choose


def trainer_name(training: TrainingConfig) -> str:
    """Return the optimizer in the Trainer's words; on the CPU it is the plain one."""
    return training.optimizer if training.optimizer != "adamw" and torch.cuda.is_available() else _PLAIN


def stand_in(training: TrainingConfig) -> str:
    """Return a sentence on what takes the place of the optimizer in the settings; empty if nothing does."""
    if training.optimizer == "adamw" or torch.cuda.is_available():
        return ""
    return (
        f"training.optimizer is {training.optimizer!r}, which needs a CUDA device; on the CPU plain "
        f"AdamW takes its place."
    )


def check(training: TrainingConfig) -> None:
    """Say once, before a run, whether its optimizer can be had.

    Raises:
        ConfigError: it is one of bitsandbytes, which is not installed.
    """
    sentence = stand_in(training)
    if sentence:
        warnings.warn(sentence, stacklevel=3)
    elif training.optimizer != "adamw" and find_spec("bitsandbytes") is None:
        raise adalora.ConfigError(
            f"training.optimizer is {training.optimizer!r}, which needs bitsandbytes; pip install "
            f"'adalora[quant]'."
        )


def grouped(model: nn.Module, training: TrainingConfig, arguments: TrainingArguments) -> Optimizer | None:
    """Return an optimizer with rates and weight decay of their own for the factors; None without such.

    Without one the Trainer makes its own, with all trained weights at one rate.
    """
    same = training.left_ratio == 1 and training.factor_weight_decay in (None, training.weight_decay)
    if same or not adalora.adapters(model):
        return None
    decay = training.factor_weight_decay
    groups = adalora.parameter_groups(
        model,
        training.learning_rate,
        training.left_ratio,
        weight_decay=training.weight_decay if decay is None else decay,
        other_weight_decay=training.weight_decay,
    )
    optimizer_class, options = Trainer.get_optimizer_cls_and_kwargs(arguments, model)
    return cast(Optimizer, optimizer_class(groups, **options))
