"""One label for a text or a pair of texts: a class, or a number."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from ..config import DataConfig
from ..pretrained import load_tokenizer
from .problem import Columns, Part, Problem, no_options, targets
from .text import auto_class_alone, fill_padding, longest, padded, reach_of_inputs


def _encode(rows: Dataset, columns: Columns, tokenizer: PreTrainedTokenizerBase, data: DataConfig) -> Dataset:
    def encode(batch: dict[str, list[Any]]) -> dict[str, Any]:
        texts = [batch[name] for name in columns.inputs]
        encoded: dict[str, Any] = tokenizer(*texts, truncation=True, max_length=data.max_length)
        return {**encoded, "labels": batch[columns.target]}

    return rows.map(encode, batched=True, remove_columns=rows.column_names, desc="tokenizing")


def _collator(tokenizer: PreTrainedTokenizerBase, _: object) -> DataCollatorWithPadding:
    return DataCollatorWithPadding(tokenizer)


def _scores(output: EvalPrediction) -> Any:
    # Encoder-decoder models return their hidden states behind the scores.
    return output.predictions[0] if isinstance(output.predictions, tuple) else output.predictions


def _class_options(classes: Sequence[str]) -> Mapping[str, Any]:
    return {
        "num_labels": len(classes),
        "problem_type": "single_label_classification",
        "id2label": dict(enumerate(classes)),
        "label2id": {name: index for index, name in enumerate(classes)},
    }


def _decode_classes(output: EvalPrediction, *_: object) -> list[int]:
    return list(np.argmax(_scores(output), axis=-1).tolist())


def _majority(part: Part) -> list[int]:
    # Counted in the part itself: no constant answer can do better, so no method looks better than it is.
    counts = Counter(targets(part))
    return [min(counts, key=lambda label: (-counts[label], label))] * len(part.rows)


def _number_options(_: Sequence[str]) -> Mapping[str, Any]:
    return {"num_labels": 1, "problem_type": "regression"}


def _decode_numbers(output: EvalPrediction, *_: object) -> list[float]:
    return list(np.reshape(_scores(output), -1).tolist())


def _mean(part: Part) -> list[float]:
    return [float(np.mean(targets(part)))] * len(part.rows)


CLASSIFICATION = Problem(
    auto_class=AutoModelForSequenceClassification,
    load_processor=load_tokenizer,
    finish=fill_padding,
    loading=auto_class_alone,
    trainer_class=Trainer,
    arguments_class=TrainingArguments,
    model_options=_class_options,
    lengths=("max_length",),
    arguments=no_options,
    encode=_encode,
    largest=longest,
    reach=reach_of_inputs,
    require_batches=padded,
    collator=_collator,
    decode=_decode_classes,
    references=targets,
    constant=_majority,
    constant_name="majority class",
)

REGRESSION = Problem(
    auto_class=AutoModelForSequenceClassification,
    load_processor=load_tokenizer,
    finish=fill_padding,
    loading=auto_class_alone,
    trainer_class=Trainer,
    arguments_class=TrainingArguments,
    model_options=_number_options,
    lengths=("max_length",),
    arguments=no_options,
    encode=_encode,
    largest=longest,
    reach=reach_of_inputs,
    require_batches=padded,
    collator=_collator,
    decode=_decode_numbers,
    references=targets,
    constant=_mean,
    constant_name="mean",
)
