"""The model of a run and its tokenizer, from a pinned package, a local folder or the hub."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from adalora.errors import ConfigError, DataError

from . import packages
from .checks import did_you_mean
from .problems import Problem

# What each family calls the dropout before its classification head.
_HEAD_DROPOUT = {"deberta": "cls_dropout", "deberta-v2": "cls_dropout", "distilbert": "seq_classif_dropout"}


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model.

    Raises:
        DataError: the model is not there; the message says how to get it.
        ConfigError: it has no fast tokenizer, which alone knows where a token came from.
    """
    tokenizer = _from_pretrained(AutoTokenizer, name)
    if not tokenizer.is_fast:
        raise ConfigError(
            f"model is {name!r}, which has no fast tokenizer; allowed: a model with tokenizer.json."
        )
    if tokenizer.pad_token is None:  # decoders have none; what it stands for is masked, so any token will do
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


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
    config = _from_pretrained(AutoConfig, name, **problem.model_options(classes))
    if head_dropout is not None:
        _set_head_dropout(config, head_dropout)
    # Some checkpoints are stored in half precision, in which small updates are lost.
    # A head of another size than the task's is a head of another task: a new one takes its place.
    options = {"config": config, "dtype": torch.float32, "ignore_mismatched_sizes": True}
    return _from_pretrained(problem.auto_class, name, **options)


def _set_head_dropout(config: Any, value: float) -> None:
    field = _HEAD_DROPOUT.get(config.model_type, "classifier_dropout")
    if field == "classifier_dropout" and not hasattr(config, field):
        raise ConfigError(
            f"training.classifier_dropout is {value}, but a model of type {config.model_type!r} has no such "
            f"dropout; allowed: null."
        )
    setattr(config, field, value)


def _from_pretrained(auto_class: Any, name: str, **options: Any) -> Any:
    place = packages.find(packages.MODELS[name]) if name in packages.MODELS else name
    try:
        return auto_class.from_pretrained(str(place), **options)
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        allowed = (
            f"{', '.join(packages.MODELS)}, a local folder with config.json and weights, a name on the hub"
        )
        raise DataError(
            f"model is {name!r}, which is {_what_is_wrong(name, error)}; allowed: {allowed}."
            f"{did_you_mean(name, packages.MODELS)}"
        ) from error


def _what_is_wrong(name: str, error: Exception) -> str:
    if Path(name).is_dir():
        return f"a folder without a whole model ({str(error).splitlines()[0]})"
    return "no folder, and could not be read from the hub (no such name, or no network)"
