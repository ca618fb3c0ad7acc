"""The models and batches that are measured: three with random weights, or any model of `transformers`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
)

from ..checks import require
from ..pretrained import from_pretrained

Batch = dict[str, Tensor]

CLASSES = 2


@dataclass(frozen=True)
class Case:
    """A model, and the size of its batches.

    Attributes:
        name: as settings, tables and pictures say it.
        batch: rows of a batch.
        tokens: tokens of a row.
        make: returns the model, without any dropout; random weights come from torch's generator.
    """

    name: str
    batch: int
    tokens: int
    make: Callable[[], nn.Module]


def random_bert(layers: int, width: int) -> nn.Module:
    """Return a BERT of 12 heads and 4 × ``width`` hidden units, with random weights."""
    layout = BertConfig(
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=12,
        intermediate_size=4 * width,
        # Dropout's masks would be most of what is kept for the backward pass, and hide what adapters add.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=CLASSES,
    )
    model: nn.Module = BertForSequenceClassification(layout)
    return model


def pretrained(name: str, tokens: int) -> nn.Module:
    """Return a pretrained model with a new classification head, and all its dropouts at zero.

    Raises:
        DataError: the model is not there; the message says how to get it.
        ConfigError: it cannot read so many tokens.
    """
    config = from_pretrained(AutoConfig, name, num_labels=CLASSES)
    most = getattr(config, "max_position_embeddings", None)
    require(most is None or tokens <= most, "tokens", tokens, f"at most {most}, the positions of {name}")
    for field, value in _dropouts(config.to_dict()).items():
        setattr(config, field, 0 * value)
    if config.pad_token_id is None:  # a decoder looks for it to find the end of a row
        config.pad_token_id = 0
    model: nn.Module = from_pretrained(
        AutoModelForSequenceClassification, name, config=config, dtype=torch.float32
    )
    return model


def _dropouts(settings: Mapping[str, Any]) -> dict[str, float]:
    """Return those of a model's settings that are probabilities of dropout: each family names its own."""
    words = ("dropout", "pdrop", "layerdrop")
    return {
        name: value
        for name, value in settings.items()
        if any(word in name for word in words) and isinstance(value, float)
    }


CASES: Mapping[str, Case] = MappingProxyType(
    {
        case.name: case
        for case in (
            Case("bert-4x768", 8, 128, partial(random_bert, 4, 768)),
            Case("minilm", 16, 64, partial(random_bert, 6, 384)),
            Case("bert-6x768", 4, 32, partial(random_bert, 6, 768)),
        )
    }
)


def chosen(names: Sequence[str], model: str | None, batch: int, tokens: int) -> list[Case]:
    """Return the cases that settings ask for: rows of `CASES`, or the one model that takes their place."""
    if model is None:
        return [CASES[name] for name in names]
    return [Case(Path(model).name, batch, tokens, partial(pretrained, model, tokens))]


def batches(model: Any, case: Case, count: int, seed: int) -> list[Batch]:
    """Return ``count`` batches of random tokens and classes, on the device of the model."""
    generator = torch.Generator().manual_seed(seed)
    device, words = model.device, model.get_input_embeddings().num_embeddings
    size = (case.batch, case.tokens)
    return [
        {
            "input_ids": torch.randint(words, size, generator=generator).to(device),
            "attention_mask": torch.ones(size, dtype=torch.long, device=device),
            "labels": torch.randint(CLASSES, size[:1], generator=generator).to(device),
        }
        for _ in range(count)
    ]
