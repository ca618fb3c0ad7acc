"""Extractive question answering: an answer is a span of the context, or there is none.

A context that is too long is cut into windows that overlap, so a row may have several features. "No answer"
is the span that lies on the first special token (Rajpurkar et al. 2018, arXiv 1806.03822).
"""

from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from transformers import (
    AutoModelForQuestionAnswering,
    DataCollatorWithPadding,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from ..checks import require
from ..config import DataConfig, EvaluationConfig
from ..pretrained import load_tokenizer
from .problem import Columns, Part, Problem, no_options, targets
from .text import auto_class_alone, fill_padding, longest, padded, reach_of_inputs

CANDIDATES = 20  # starts and ends that are combined into spans
NOT_CONTEXT = [-1, -1]


def _encode(rows: Dataset, columns: Columns, tokenizer: PreTrainedTokenizerBase, data: DataConfig) -> Dataset:
    question, context = columns.inputs
    room = data.max_length - tokenizer.num_special_tokens_to_add(pair=True)
    require(
        data.stride < room, "data.stride", data.stride, f"less than the {room} tokens that a window holds"
    )

    def encode(batch: dict[str, list[Any]], indices: list[int]) -> dict[str, Any]:
        encoded = tokenizer(
            [text.strip() for text in batch[question]],
            batch[context],
            truncation="only_second",
            max_length=data.max_length,
            stride=data.stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        origins = encoded.pop("overflow_to_sample_mapping")
        windows = [
            _context_offsets(offsets, encoded.sequence_ids(window))
            for window, offsets in enumerate(encoded.pop("offset_mapping"))
        ]
        answers = [batch[columns.target][origin] for origin in origins]
        spans = [_span(offsets, answer) for offsets, answer in zip(windows, answers, strict=True)]
        return {
            **encoded,
            "row": [indices[origin] for origin in origins],
            "offsets": windows,
            "start_positions": [start for start, _ in spans],
            "end_positions": [end for _, end in spans],
        }

    return rows.map(
        encode, batched=True, with_indices=True, remove_columns=rows.column_names, desc="tokenizing"
    )


def _context_offsets(offsets: list[tuple[int, int]], sequence_ids: list[int | None]) -> list[list[int]]:
    """Return first and last character of every token of the context, and `NOT_CONTEXT` for the others."""
    return [list(o) if s == 1 else NOT_CONTEXT for o, s in zip(offsets, sequence_ids, strict=True)]


def _span(offsets: list[list[int]], answer: dict[str, list[Any]]) -> tuple[int, int]:
    """Return first and last token of an answer; (0, 0) if there is none, or not the whole of it here."""
    if not answer["text"]:
        return 0, 0
    first = answer["answer_start"][0]
    last = first + len(answer["text"][0])
    starts = [i for i, (start, end) in enumerate(offsets) if 0 <= start <= first < end]
    ends = [i for i, (start, end) in enumerate(offsets) if 0 <= start < last <= end]
    return (starts[0], ends[-1]) if starts and ends else (0, 0)


def _decode(
    output: EvalPrediction, part: Part, _: PreTrainedTokenizerBase, evaluation: EvaluationConfig
) -> list[str]:
    """Return the best span over all windows of each row, or "" where "no answer" scores higher."""
    starts, ends = output.predictions[:2]
    contexts = list(part.rows[part.columns.inputs[1]])
    best = [(-np.inf, "")] * len(part.rows)
    nothing = [np.inf] * len(part.rows)
    for feature, start, end in zip(part.features, starts, ends, strict=True):
        row = feature["row"]
        # A row has no answer only if no window of it has one: the least sure window decides.
        nothing[row] = min(nothing[row], float(start[0] + end[0]))
        score, (first, last) = best_span(start, end, np.array(feature["offsets"]), evaluation.answer_length)
        if score > best[row][0]:
            best[row] = (score, contexts[row][first:last])
    return [text if score > null else "" for (score, text), null in zip(best, nothing, strict=True)]


def best_span(
    starts: NDArray[Any], ends: NDArray[Any], offsets: NDArray[Any], longest: int
) -> tuple[float, tuple[int, int]]:
    """Return the score and the characters of the best span in a window.

    Args:
        starts: score of each token as the first one, shape (n,) or longer where a batch was padded.
        ends: score of each token as the last one, likewise.
        offsets: first and last character of each token, shape (n, 2); negative outside the context.
        longest: tokens of a span, at most.
    """
    inside = np.flatnonzero(offsets[:, 1] > 0)
    first = inside[np.argsort(-starts[inside], kind="stable")[:CANDIDATES]]
    last = inside[np.argsort(-ends[inside], kind="stable")[:CANDIDATES]]
    length = last[None, :] - first[:, None] + 1
    scores = np.where(
        (length >= 1) & (length <= longest), starts[first][:, None] + ends[last][None, :], -np.inf
    )
    if not np.isfinite(scores).any():
        return -np.inf, (0, 0)
    i, j = np.unravel_index(np.argmax(scores), scores.shape)
    return float(scores[i, j]), (int(offsets[first[i], 0]), int(offsets[last[j], 1]))


def _references(part: Part) -> list[list[str]]:
    return [list(answer["text"]) for answer in targets(part)]


def _no_answer(part: Part) -> list[str]:
    return [""] * len(part.rows)


def _collator(tokenizer: PreTrainedTokenizerBase, _: object) -> DataCollatorWithPadding:
    return DataCollatorWithPadding(tokenizer)


ANSWERING = Problem(
    auto_class=AutoModelForQuestionAnswering,
    load_processor=load_tokenizer,
    finish=fill_padding,
    loading=auto_class_alone,
    trainer_class=Trainer,
    arguments_class=TrainingArguments,
    model_options=no_options,
    lengths=("max_length", "stride"),
    arguments=no_options,
    encode=_encode,
    largest=longest,
    reach=reach_of_inputs,
    require_batches=padded,
    collator=_collator,
    decode=_decode,
    references=_references,
    constant=_no_answer,
    constant_name="no answer",
)
