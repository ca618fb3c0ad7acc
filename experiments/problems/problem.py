"""What kinds of problem have to say for themselves, so that one training run serves them all."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from torch import nn
from transformers import EvalPrediction, Trainer, TrainingArguments

from ..config import DataConfig, EvaluationConfig


@dataclass(frozen=True)
class Columns:
    """Which columns of a data set a task reads.

    Attributes:
        inputs: columns of text, in the order in which the tokenizer gets them; or one with paths of images.
        target: column of the label, answer or summary; or one with paths of masks.
        accepted: column with the list of all texts that are right, in rows that are measured; None where
            ``target`` is the only one.
    """

    inputs: tuple[str, ...]
    target: str
    accepted: str | None = None


@dataclass(frozen=True)
class Part:
    """A part of the data, twice.

    Attributes:
        rows: as they were loaded.
        columns: which columns of the rows count.
        features: as the model takes them; there may be several for one row. Images are read when asked for.
    """

    rows: Dataset
    columns: Columns
    features: Dataset

    def fingerprint(self) -> str:
        """Return a hash of what the rows hold in the columns that count, in their order."""
        found = hashlib.sha256()
        for batch in self.rows.select_columns([*self.columns.inputs, self.columns.target]).iter(1000):
            found.update(repr(batch).encode("utf-8", "surrogatepass"))
        return found.hexdigest()


@dataclass(frozen=True)
class Reach:
    """How much of a model's positions the longest row of a part takes.

    Attributes:
        setting: the setting that cuts rows, ``max_length`` or ``target_length``.
        positions: that the row takes, in training or when a text is written behind it.
        beside: how many of them that setting does not cut.
    """

    setting: str
    positions: int
    beside: int = 0


@dataclass(frozen=True)
class Problem:
    """A kind of problem: one row of the table that spares the run every ``if``.

    Attributes:
        auto_class: class of `transformers` that builds the model.
        load_processor: name of the model -> what prepares its inputs: a tokenizer, or more than that.
        finish: (pretrained model, processor, names of the classes) -> the model that is trained.
        loading: names of the classes -> Python that makes the model that is trained from its name, ``base``:
            an import and an expression; None where ``auto_class`` is enough.
        trainer_class: class of `transformers` that trains it.
        arguments_class: class of its arguments.
        model_options: names of the classes -> keyword arguments of the model's configuration.
        lengths: which of the lengths in `DataConfig` it reads; the others have no meaning for it.
        arguments: settings -> keyword arguments for ``arguments_class`` that only this kind needs.
        encode: (rows, columns, processor, settings) -> features.
        largest: (features, settings) -> positions of those that ask most of the model, and a word on them.
        reach: (features, settings) -> what the longest of them takes of the positions of a model that has a
            fixed number of them; nothing where there are no positions.
        require_batches: (part, rows of a batch, name of that setting) -> None; a `ConfigError` where some of
            them cannot stand in one batch.
        collator: (processor, model) -> what makes a batch of features.
        decode: (the model's output over a part, the part, processor, settings) -> one prediction a row.
        references: part -> what the predictions are compared with, one a row.
        constant: part -> predictions that need no model, one a row.
        constant_name: what that baseline is called.
    """

    auto_class: Any
    load_processor: Callable[[str], Any]
    finish: Callable[[Any, Any, Sequence[str]], nn.Module]
    loading: Callable[[Sequence[str]], tuple[str, str] | None]
    trainer_class: type[Trainer]
    arguments_class: type[TrainingArguments]
    model_options: Callable[[Sequence[str]], Mapping[str, Any]]
    lengths: tuple[str, ...]
    arguments: Callable[[DataConfig, EvaluationConfig], Mapping[str, Any]]
    encode: Callable[[Dataset, Columns, Any, DataConfig], Dataset]
    largest: Callable[[Dataset, DataConfig], tuple[list[int], str]]
    reach: Callable[[Dataset, DataConfig], Sequence[Reach]]
    require_batches: Callable[[Part, int, str], None]
    collator: Callable[[Any, Any], Callable[[list[dict[str, Any]]], Mapping[str, Any]]]
    decode: Callable[[EvalPrediction, Part, Any, EvaluationConfig], list[Any]]
    references: Callable[[Part], list[Any]]
    constant: Callable[[Part], list[Any]]
    constant_name: str


def no_options(*_: object) -> Mapping[str, Any]:
    """Return no keyword arguments, for the kinds that need none."""
    return {}


def targets(part: Part) -> list[Any]:
    """Return the target column as it is."""
    return list(part.rows[part.columns.target])


def accepted(part: Part) -> list[Any]:
    """Return all texts that are right for each row; the target column where the task names no other."""
    return list(part.rows[part.columns.accepted or part.columns.target])
