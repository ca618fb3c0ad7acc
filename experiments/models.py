"""The model of a run, as its kind of problem wants it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedModel, set_seed

from adalora.errors import ConfigError

from .config import RunConfig
from .pretrained import from_pretrained
from .problems import Problem
from .quantization import quantize

_TWO = ("one", "other")  # classes, where only the model below the head counts
# What each family calls the dropout before its classification head.
_HEAD_DROPOUT = {"deberta": "cls_dropout", "deberta-v2": "cls_dropout", "distilbert": "seq_classif_dropout"}


def build_base(config: RunConfig, problem: Problem, processor: Any, classes: Sequence[str]) -> nn.Module:
    """Return the model of a run as it is before the method changes it; the seed is set first.

    Args:
        config: settings of the run.
        problem: of its task.
        processor: what prepares the model's inputs.
        classes: names of the classes, for a classification.

    Raises:
        DataError: the model is not there; the message says how to get it.
        ConfigError: a setting does not fit this kind of model.
    """
    set_seed(config.seed)
    pretrained = load_model(config.model, problem, classes, config.training.classifier_dropout)
    model = problem.finish(pretrained, processor, classes)
    if config.quantization.kind:
        quantize(model, config)
    return model


def load_model(
    name: str, problem: Problem, classes: Sequence[str], head_dropout: float | None = None
) -> PreTrainedModel:
    """Return the pretrained model with a head for ``problem``; a new head comes from torch's generator.

    Args:
        name: alias in `packages.MODELS`, local folder, or name on the hub.
        problem: kind of problem, which chooses the class.
        classes: names of the classes, for a classification.
        head_dropout: dropout before a classification head; None keeps the model's own.

    Raises:
        DataError: the model is not there; the message says how to get it.
        ConfigError: this kind of model has no dropout to set.
    """
    config = from_pretrained(AutoConfig, name, **problem.model_options(classes))
    if head_dropout is not None:
        _set_head_dropout(config, head_dropout)
    # Some checkpoints are stored in half precision, in which small updates are lost.
    # A head of another size than the task's is a head of another task: a new one takes its place.
    options = {"config": config, "dtype": torch.float32, "ignore_mismatched_sizes": True}
    return from_pretrained(problem.auto_class, name, **options)


def layout(name: str, problem: Problem, classes: Sequence[str] = _TWO) -> PreTrainedModel:
    """Return the pretrained model on the meta device, where weights have shapes and no values.

    Args:
        name: see `load_model`; of a folder ``config.json`` alone is read.
        problem: kind of problem, which chooses the class.
        classes: names of the classes, where the size of the head counts.

    Raises:
        DataError: the model is not there; the message says how to get it.
        ConfigError: a model of its type has no such head.
    """
    config = from_pretrained(AutoConfig, name, **problem.model_options(classes))
    # A class that is one model's own builds it itself; in float32, as `load_model` has it.
    build = getattr(problem.auto_class, "from_config", None) or problem.auto_class._from_config
    try:
        with torch.device("meta"):
            model: PreTrainedModel = build(config, dtype=torch.float32)
    except ValueError as error:
        raise ConfigError(
            f"model is {name!r}, of type {config.model_type!r}, which cannot be built as a "
            f"{problem.auto_class.__name__}: {str(error).splitlines()[0]}"
        ) from error
    return model


def _set_head_dropout(config: Any, value: float) -> None:
    field = _HEAD_DROPOUT.get(config.model_type, "classifier_dropout")
    if field == "classifier_dropout" and not hasattr(config, field):
        raise ConfigError(
            f"training.classifier_dropout is {value}, but a model of type {config.model_type!r} has no such "
            f"dropout; allowed: null."
        )
    setattr(config, field, value)
