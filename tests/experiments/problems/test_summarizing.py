"""Short texts for long ones."""

import numpy as np
import pytest
from datasets import Dataset
from transformers import EvalPrediction

from experiments.config import DataConfig, EvaluationConfig
from experiments.models import load_model
from experiments.pretrained import load_tokenizer
from experiments.problems import SUMMARIZING, Columns, Part

COLUMNS = Columns(("document",), "summary")
ROWS = Dataset.from_dict({"document": ["a b. c d. e. f.", "a"], "summary": ["b c", "d e f g"]})


@pytest.fixture
def tokenizer(bart):
    return load_tokenizer(str(bart))


def test_both_sides_are_encoded_and_cut(tokenizer):
    features = SUMMARIZING.encode(ROWS, COLUMNS, tokenizer, DataConfig(max_length=4, target_length=3))
    assert [len(ids) for ids in features["input_ids"]] == [4, 3]
    assert tokenizer.decode(features[1]["labels"]) == "[CLS] d [SEP]"


def test_a_batch_hides_the_filling_of_labels_from_the_loss(bart, tokenizer):
    features = SUMMARIZING.encode(ROWS, COLUMNS, tokenizer, DataConfig())
    batch = SUMMARIZING.collator(tokenizer, load_model(str(bart), SUMMARIZING, ()))(list(features))
    assert batch["labels"][0].tolist()[-2:] == [-100, -100]
    assert "decoder_input_ids" in batch


def test_generated_tokens_become_text(tokenizer):
    output = EvalPrediction(np.array([[3, 2, 5, 6, 3, -100], [3, 2, 7, 3, 0, 0]]), None)
    assert SUMMARIZING.decode(output, None, tokenizer, EvaluationConfig()) == ["a b", "c"]


def test_the_settings_of_the_search_reach_the_trainer():
    found = SUMMARIZING.arguments(DataConfig(target_length=9), EvaluationConfig(beams=3))
    assert found == {"predict_with_generate": True, "generation_max_length": 9, "generation_num_beams": 3}


def test_the_baseline_is_the_beginning():
    assert SUMMARIZING.constant(Part(ROWS, COLUMNS, ROWS)) == ["a b.\nc d.\ne.", "a"]
