"""Spans of a context, windows over a long one, and "no answer"."""

import numpy as np
import pytest
from datasets import Dataset
from transformers import EvalPrediction

from adalora import ConfigError
from experiments.config import DataConfig, EvaluationConfig
from experiments.pretrained import load_tokenizer
from experiments.problems import ANSWERING, Columns, Part
from experiments.problems.answering import best_span

COLUMNS = Columns(("question", "context"), "answers")
LOW = -9.0


def row(context, answer, question="who was here ?"):
    start = [context.index(answer)] if answer else []
    return {
        "question": question,
        "context": context,
        "answers": {"text": [answer] if answer else [], "answer_start": start},
    }


@pytest.fixture
def tokenizer(deberta):
    return load_tokenizer(str(deberta))


def encode(rows, tokenizer, **settings):
    rows = Dataset.from_list(rows)
    return Part(rows, COLUMNS, ANSWERING.encode(rows, COLUMNS, tokenizer, DataConfig(**settings)))


def outputs(part, spans):
    """Return scores that are high at the given (start, end) of each feature; None stands for "no answer"."""
    width = max(len(feature["input_ids"]) for feature in part.features)
    starts, ends = np.full((2, len(spans), width), LOW)
    for i, span in enumerate(spans):
        first, last = span or (0, 0)
        starts[i, first], ends[i, last] = 5.0, 5.0
    return EvalPrediction((starts, ends), None)


def decode(part, spans, tokenizer, **settings):
    return ANSWERING.decode(outputs(part, spans), part, tokenizer, EvaluationConfig(**settings))


def test_the_labels_are_the_tokens_of_the_answer(tokenizer):
    part = encode([row("the film was bad .", "film was"), row("a b", "")], tokenizer)
    first, second = part.features
    tokens = first["input_ids"][first["start_positions"] : first["end_positions"] + 1]
    assert tokenizer.decode(tokens) == "film was"
    assert (second["start_positions"], second["end_positions"]) == (0, 0)


def test_gold_labels_decode_to_the_gold_answers(tokenizer):
    answers = ["the", "film was bad", "bad .", ""]
    part = encode([row("the film was bad .", answer) for answer in answers], tokenizer)
    gold = [(feature["start_positions"], feature["end_positions"]) for feature in part.features]
    assert decode(part, gold, tokenizer) == answers


def test_a_long_context_becomes_windows_that_overlap(tokenizer):
    part = encode([row("a b c d e f g h", "g"), row("a", "a")], tokenizer, max_length=11, stride=2)
    rows = [feature["row"] for feature in part.features]
    assert rows == [0, 0, 0, 1]
    assert [feature["start_positions"] > 0 for feature in part.features] == [False, False, True, True]


def test_an_answer_cut_by_the_window_is_none(tokenizer):
    part = encode([row("a b c d e f g h", "c d e")], tokenizer, max_length=11, stride=2)
    spans = [(feature["start_positions"], feature["end_positions"]) for feature in part.features]
    assert spans.count((0, 0)) == len(spans) - 1


def test_windows_must_move_on(tokenizer):
    with pytest.raises(ConfigError, match=r"data.stride is 13; allowed: less than the 13 tokens"):
        encode([row("a b", "b")], tokenizer, max_length=16, stride=13)


def test_the_best_window_gives_the_answer(tokenizer):
    part = encode([row("a b c d e f g h", "g")], tokenizer, max_length=11, stride=2)
    spans = [
        (f["start_positions"], f["end_positions"]) if f["start_positions"] else None for f in part.features
    ]
    output = outputs(part, spans)
    # The window that holds the answer is also the one that is least sure that there is none.
    assert ANSWERING.decode(output, part, tokenizer, EvaluationConfig()) == ["g"]


def test_no_answer_wins_where_it_scores_higher(tokenizer):
    part = encode([row("a b c", "b")], tokenizer)
    output = outputs(part, [(6, 6)])
    starts, ends = output.predictions
    starts[0, 0] = ends[0, 0] = 5.1
    assert ANSWERING.decode(output, part, tokenizer, EvaluationConfig()) == [""]
    starts[0, 0] = ends[0, 0] = 4.9
    assert ANSWERING.decode(output, part, tokenizer, EvaluationConfig()) != [""]


def test_a_span_lies_in_the_context_and_is_short(tokenizer):
    part = encode([row("a b c d", "a b c d")], tokenizer)
    gold = (part.features[0]["start_positions"], part.features[0]["end_positions"])
    assert decode(part, [gold], tokenizer) == ["a b c d"]
    assert decode(part, [gold], tokenizer, answer_length=2) != ["a b c d"]
    question = decode(part, [(1, 2)], tokenizer)[0]
    assert question in "a b c d"


def test_best_span_tries_all_pairs():
    offsets = np.array([[-1, -1], [0, 1], [2, 3], [4, 5], [-1, -1]])
    starts, ends = np.array([9.0, 1.0, 3.0, 2.0, 9.0]), np.array([9.0, 4.0, 0.0, 2.5, 9.0])
    # (1, 1) scores 5, (2, 3) scores 5.5; the end before the start, (2, 1), would score 7.
    assert best_span(starts, ends, offsets, 30) == (5.5, (2, 5))
    assert best_span(starts, ends, offsets, 1) == (5.0, (0, 1))


def test_a_window_without_context_has_no_span():
    offsets = np.full((3, 2), -1)
    assert best_span(np.zeros(3), np.zeros(3), offsets, 30) == (-np.inf, (0, 0))


def test_constant_and_references():
    rows = Dataset.from_list([row("a b", "b"), row("a b", "")])
    part = Part(rows, COLUMNS, rows)
    assert ANSWERING.constant(part) == ["", ""]
    assert ANSWERING.references(part) == [["b"], []]
