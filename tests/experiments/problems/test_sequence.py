"""One label for a text or a pair."""

import numpy as np
import pytest
from datasets import Dataset
from transformers import EvalPrediction

from experiments.config import DataConfig
from experiments.pretrained import load_tokenizer
from experiments.problems import CLASSIFICATION, REGRESSION, Columns, Part

PAIR = Columns(("one", "two"), "label")


def part(labels, columns=PAIR):
    rows = Dataset.from_dict({"one": ["a b c"] * len(labels), "two": ["d e"] * len(labels), "label": labels})
    return Part(rows, columns, rows)


@pytest.fixture
def tokenizer(bert):
    return load_tokenizer(str(bert))


def test_a_pair_is_encoded_as_one_input(tokenizer):
    features = CLASSIFICATION.encode(part([1, 0]).rows, PAIR, tokenizer, DataConfig())
    assert "one" not in features.column_names
    assert features[0]["labels"] == 1
    assert tokenizer.decode(features[0]["input_ids"]) == "[CLS] a b c [SEP] d e [SEP]"


def test_a_long_input_is_cut(tokenizer):
    features = CLASSIFICATION.encode(part([1]).rows, PAIR, tokenizer, DataConfig(max_length=6))
    assert len(features[0]["input_ids"]) == 6


def test_a_batch_is_filled_up_to_its_longest_row(tokenizer):
    rows = Dataset.from_dict({"one": ["a", "a b c"], "label": [0.5, 1.5]})
    columns = Columns(("one",), "label")
    features = REGRESSION.encode(rows, columns, tokenizer, DataConfig())
    batch = REGRESSION.collator(tokenizer, None)(list(features))
    assert batch["input_ids"].shape == (2, 5)
    assert batch["labels"].tolist() == [0.5, 1.5]
    assert batch["labels"].is_floating_point()


def test_the_highest_score_is_the_class():
    output = EvalPrediction(np.array([[0.1, 0.9], [2.0, -1.0]]), None)
    assert CLASSIFICATION.decode(output) == [1, 0]


def test_hidden_states_behind_the_scores_are_left_out():
    output = EvalPrediction((np.array([[0.1, 0.9]]), np.zeros((1, 5, 3))), None)
    assert CLASSIFICATION.decode(output) == [1]


def test_a_number_is_the_score_itself():
    output = EvalPrediction(np.array([[0.5], [4.5]]), None)
    assert REGRESSION.decode(output) == [0.5, 4.5]


def test_the_majority_is_the_best_constant_answer():
    assert CLASSIFICATION.constant(part([2, 1, 2])) == [2, 2, 2]
    assert CLASSIFICATION.constant(part([2, 1, 2, 1])) == [1, 1, 1, 1]  # a tie
    assert REGRESSION.constant(part([1.0, 2.0])) == [1.5, 1.5]


def test_options_of_the_model():
    options = CLASSIFICATION.model_options(("no", "yes"))
    assert options["num_labels"] == 2
    assert options["label2id"] == {"no": 0, "yes": 1}
    assert REGRESSION.model_options(()) == {"num_labels": 1, "problem_type": "regression"}
