"""Summarization: an encoder-decoder model writes a short text for a long one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import (
    AutoModelForSeq2SeqLM,
    DataCollatorForSeq2Seq,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
)

from ..config import DataConfig, EvaluationConfig
from ..pretrained import load_tokenizer
from ..rouge import sentences
from .problem import Columns, Part, Problem, Reach, no_options, targets
from .text import auto_class_alone, fill_padding, longest, padded, reach_of_inputs

LEAD = 3  # sentences of the usual baseline (Lewis et al. 2020, arXiv 1910.13461, table 3)


def _arguments(data: DataConfig, evaluation: EvaluationConfig) -> Mapping[str, Any]:
    return {
        "predict_with_generate": True,
        "generation_max_length": data.target_length,
        "generation_num_beams": evaluation.beams,
    }


def _encode(rows: Dataset, columns: Columns, tokenizer: PreTrainedTokenizerBase, data: DataConfig) -> Dataset:
    (document,) = columns.inputs

    def encode(batch: dict[str, list[str]]) -> dict[str, Any]:
        encoded: dict[str, Any] = tokenizer(batch[document], truncation=True, max_length=data.max_length)
        written = tokenizer(text_target=batch[columns.target], truncation=True, max_length=data.target_length)
        return {**encoded, "labels": written["input_ids"]}

    return rows.map(encode, batched=True, remove_columns=rows.column_names, desc="tokenizing")


def _collator(tokenizer: PreTrainedTokenizerBase, model: Any) -> DataCollatorForSeq2Seq:
    return DataCollatorForSeq2Seq(tokenizer, model=model)


def _decode(
    output: EvalPrediction, _: Part, tokenizer: PreTrainedTokenizerBase, __: EvaluationConfig
) -> list[str]:
    # The Trainer fills batches up with -100, which is no token.
    tokens = np.where(output.predictions < 0, tokenizer.pad_token_id, output.predictions)
    return [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def _reach(features: Dataset, data: DataConfig) -> tuple[Reach, ...]:
    # The decoder has as many positions as the encoder, and a model that has not learned to stop takes all.
    return (*reach_of_inputs(features, data), Reach("target_length", data.target_length))


def _lead(part: Part) -> list[str]:
    return ["\n".join(sentences(document)[:LEAD]) for document in part.rows[part.columns.inputs[0]]]


SUMMARIZING = Problem(
    auto_class=AutoModelForSeq2SeqLM,
    load_processor=load_tokenizer,
    finish=fill_padding,
    loading=auto_class_alone,
    trainer_class=Seq2SeqTrainer,
    arguments_class=Seq2SeqTrainingArguments,
    model_options=no_options,
    lengths=("max_length", "target_length"),
    arguments=_arguments,
    encode=_encode,
    largest=longest,
    reach=_reach,
    require_batches=padded,
    collator=_collator,
    decode=_decode,
    references=targets,
    constant=_lead,
    constant_name=f"first {LEAD} sentences",
)
