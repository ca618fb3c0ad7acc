"""Writing: a decoder goes on with a short text."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    DataCollatorForSeq2Seq,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
)

from ..config import DataConfig, EvaluationConfig
from ..pretrained import load_tokenizer
from .problem import Columns, Part, Problem, Reach, accepted, no_options
from .text import auto_class_alone, fill_padding, longest, padded

_HIDDEN = -100  # a label that the loss leaves out


class WritingTrainer(Seq2SeqTrainer):
    """Measures what the model writes behind the first part of each row, which its labels leave out."""

    def prediction_step(
        self,
        model: Any,
        inputs: dict[str, Tensor | Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
        **settings: Any,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Return the loss, the tokens that were written, and the labels."""
        if prediction_loss_only:
            found: tuple[Tensor | None, Tensor | None, Tensor | None] = super().prediction_step(
                model, inputs, prediction_loss_only, ignore_keys, **settings
            )
            return found
        inputs = self._prepare_inputs(inputs)
        pad = int(model.config.pad_token_id)
        begun = prompts(inputs["input_ids"], inputs["labels"], pad)
        with torch.no_grad():
            loss = model(**inputs).loss
            written = model.generate(
                **begun,
                max_new_tokens=self.args.generation_max_length,
                num_beams=self.args.generation_num_beams,
                do_sample=False,
                pad_token_id=pad,
            )
        return loss.detach(), written[:, begun["input_ids"].shape[1] :], inputs["labels"]


def prompts(tokens: Tensor, labels: Tensor, pad: int) -> dict[str, Tensor]:
    """Return the first part of each row, filled up on the left, where the text does not go on.

    Args:
        tokens: rows × length, filled up on the right.
        labels: −100 over the first part of a row and over its filling.
        pad: the token that fills rows up.
    """
    starts = (labels != _HIDDEN).int().argmax(1).tolist()
    longest_start = max(starts)
    begun = tokens.new_full((len(tokens), longest_start), pad)
    mask = torch.zeros_like(begun)
    for row, start in enumerate(starts):
        if start:
            begun[row, -start:] = tokens[row, :start]
            mask[row, -start:] = 1
    return {"input_ids": begun, "attention_mask": mask}


def _arguments(data: DataConfig, evaluation: EvaluationConfig) -> Mapping[str, Any]:
    return {
        "predict_with_generate": True,
        "generation_max_length": data.target_length,
        "generation_num_beams": evaluation.beams,
    }


def _encode(rows: Dataset, columns: Columns, tokenizer: PreTrainedTokenizerBase, data: DataConfig) -> Dataset:
    (given,) = columns.inputs

    def encode(batch: dict[str, list[str]]) -> dict[str, Any]:
        found: dict[str, list[list[int]]] = {"input_ids": [], "attention_mask": [], "labels": []}
        for first, target in zip(batch[given], batch[columns.target], strict=True):
            begun = _tokens(tokenizer, f"{first}:")
            if len(begun) > data.max_length:  # the mark behind which the text begins is not cut off
                mark = _tokens(tokenizer, ":")
                begun = begun[: data.max_length - len(mark)] + mark
            rest = _tokens(tokenizer, f" {target}")[: data.target_length - 1]
            rest.append(tokenizer.eos_token_id)
            found["input_ids"].append(begun + rest)
            found["attention_mask"].append([1] * len(begun + rest))
            found["labels"].append([_HIDDEN] * len(begun) + rest)
        return found

    return rows.map(encode, batched=True, remove_columns=rows.column_names, desc="tokenizing")


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return tokens


def _collator(tokenizer: PreTrainedTokenizerBase, _: Any) -> DataCollatorForSeq2Seq:
    return DataCollatorForSeq2Seq(tokenizer)


def _decode(
    output: EvalPrediction, _: Part, tokenizer: PreTrainedTokenizerBase, __: EvaluationConfig
) -> list[str]:
    # The Trainer fills batches up with -100, which is no token.
    tokens = np.where(output.predictions < 0, tokenizer.pad_token_id, output.predictions)
    written = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return [(text.strip().splitlines() or [""])[0] for text in written]


def _reach(features: Dataset, data: DataConfig) -> tuple[Reach]:
    # A model that has not learned to stop writes target_length tokens behind the longest first part.
    longest_start = max(labels.count(_HIDDEN) for labels in features["labels"])
    return (Reach("max_length", longest_start + data.target_length, data.target_length),)


def _repeat(part: Part) -> list[str]:
    return list(part.rows[part.columns.inputs[0]])


WRITING = Problem(
    auto_class=AutoModelForCausalLM,
    load_processor=load_tokenizer,
    finish=fill_padding,
    loading=auto_class_alone,
    trainer_class=WritingTrainer,
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
    references=accepted,
    constant=_repeat,
    constant_name="what was given, once more",
)
