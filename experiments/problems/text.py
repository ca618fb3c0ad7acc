"""What the kinds of problem whose inputs are texts have in common."""

from collections.abc import Sequence

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..config import DataConfig
from .problem import Reach


def fill_padding(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, _: Sequence[str]
) -> PreTrainedModel:
    """Tell a model that knows no padding token which one the tokenizer takes."""
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    return model


def auto_class_alone(_: Sequence[str]) -> None:
    """Return nothing: the class of `transformers` makes the whole model."""


def padded(*_: object) -> None:
    """Allow every batch: texts are padded to one length."""


def longest(features: Dataset, data: DataConfig) -> tuple[list[int], str]:
    """Return the positions of the two longest features, and how long the longest one is."""
    lengths = [len(tokens) for tokens in features["input_ids"]]
    positions = sorted(range(len(lengths)), key=lengths.__getitem__)[-2:]
    return positions, f"{max(lengths)} tokens, data.max_length is {data.max_length}"


def reach_of_inputs(features: Dataset, _: DataConfig) -> tuple[Reach]:
    """Return that of the longest input, for the kinds that write nothing."""
    return (Reach("max_length", max(map(len, features["input_ids"]))),)
