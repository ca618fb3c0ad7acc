"""What kinds of problem have to say for themselves, so that one training run serves them all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from transformers import EvalPrediction, PreTrainedTokenizerBase, Trainer, TrainingArguments

from ..config import DataConfig, EvaluationConfig


@dataclass(frozen=True)
class Columns:
    """Which columns of a data set a task reads.

    Attributes:
        inputs: columns of text, in the order in which the tokenizer gets them.
        target: column of the label, answer or summary.
    """

    inputs: tuple[str, ...]
    target: str


@dataclass(frozen=True)
class Part:
    """A part of the data, twice.

    Attributes:
        rows: as they were loaded.
        columns: which columns of the rows count.
        features: as the model takes them; there may be several for one row.
    """

    rows: Dataset
    columns: Columns
    features: Dataset


@dataclass(frozen=True)
class Problem:
    """A kind of problem: one row of the table that spares the run every ``if``.

    Attributes:
        auto_class: class of `transformers` that builds the model.
        trainer_class: class of `transformers` that trains it.
        arguments_class: class of its arguments.
        model_options: names of the classes -> keyword arguments of the model's configuration.
        arguments: settings -> keyword arguments for ``arguments_class`` that only this kind needs.
        encode: (rows, columns, tokenizer, settings) -> features.
        collator: (tokenizer, model) -> what makes a batch of features.
        decode: (the model's output over a part, the part, tokenizer, settings) -> one prediction a row.
        references: part -> what the predictions are compared with, one a row.
        constant: part -> predictions that need no model, one a row.
        constant_name: what that baseline is called.
    """

    auto_class: Any
    trainer_class: type[Trainer]
    arguments_class: type[TrainingArguments]
    model_options: Callable[[Sequence[str]], Mapping[str, Any]]
    arguments: Callable[[DataConfig, EvaluationConfig], Mapping[str, Any]]
    encode: Callable[[Dataset, Columns, PreTrainedTokenizerBase, DataConfig], Dataset]
    collator: Callable[[PreTrainedTokenizerBase, Any], Callable[[list[dict[str, Any]]], Mapping[str, Any]]]
    decode: Callable[[EvalPrediction, Part, PreTrainedTokenizerBase, EvaluationConfig], list[Any]]
    references: Callable[[Part], list[Any]]
    constant: Callable[[Part], list[Any]]
    constant_name: str


def no_options(*_: object) -> Mapping[str, Any]:
    """Return no keyword arguments, for the kinds that need none."""
    return {}


def targets(part: Part) -> list[Any]:
    """Return the target column as it is."""
    return list(part.rows[part.columns.target])
