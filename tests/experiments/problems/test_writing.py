"""A decoder goes on with a short text."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import EvalPrediction

from experiments.config import DataConfig, EvaluationConfig
from experiments.models import load_model
from experiments.pretrained import load_tokenizer
from experiments.problems import WRITING, Columns, Part, Reach
from experiments.problems.writing import prompts

COLUMNS = Columns(("word",), "definition")
ROWS = Dataset.from_dict({"word": ["a", "b c"], "definition": ["good film", "bad"]})


@pytest.fixture
def tokenizer(gpt2):
    return load_tokenizer(str(gpt2))


def test_only_what_is_to_be_written_has_labels(tokenizer):
    first, second = WRITING.encode(ROWS, COLUMNS, tokenizer, DataConfig(max_length=8, target_length=2))
    written = [token for token in first["labels"] if token >= 0]
    assert tokenizer.decode(written) == "good [SEP]"
    assert len(first["input_ids"]) == len(first["labels"]) == len(first["attention_mask"])
    assert first["labels"][: -len(written)] == [-100] * (len(first["labels"]) - len(written))
    assert tokenizer.decode([token for token in second["labels"] if token >= 0]) == "bad [SEP]"
    assert len(second["input_ids"]) == len(first["input_ids"]) + 1


def test_a_first_part_that_is_cut_keeps_its_end_mark(tokenizer):
    rows = Dataset.from_dict({"word": ["a b c d e f"], "definition": ["good"]})
    (row,) = WRITING.encode(rows, COLUMNS, tokenizer, DataConfig(max_length=4))
    mark = tokenizer(":", add_special_tokens=False)["input_ids"]
    begun = [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label < 0]
    assert begun == tokenizer("a b c", add_special_tokens=False)["input_ids"] + mark


def test_what_is_to_be_written_counts_in_full():
    features = Dataset.from_dict({"labels": [[-100, 5], [-100, -100, 5]]})
    assert WRITING.reach(features, DataConfig(target_length=9)) == (Reach("max_length", 11, 9),)


def test_prompts_end_where_the_text_begins():
    tokens = torch.tensor([[5, 6, 7, 8], [9, 7, 0, 0]])
    labels = torch.tensor([[-100, -100, 7, 8], [-100, 7, -100, -100]])
    found = prompts(tokens, labels, pad=0)
    assert found["input_ids"].tolist() == [[5, 6], [0, 9]]
    assert found["attention_mask"].tolist() == [[1, 1], [0, 1]]


def test_generated_tokens_become_one_line(tokenizer):
    output = EvalPrediction(
        np.array([tokenizer("a b")["input_ids"] + [-100], tokenizer("c .")["input_ids"] + [0]]), None
    )
    assert WRITING.decode(output, None, tokenizer, EvaluationConfig()) == ["a b", "c ."]


def test_the_baseline_repeats_what_was_given():
    assert WRITING.constant(Part(ROWS, COLUMNS, ROWS)) == ["a", "b c"]


def test_rows_may_name_several_texts_that_are_right(tokenizer):
    assert WRITING.references(Part(ROWS, COLUMNS, ROWS)) == ["good film", "bad"]
    rows = ROWS.add_column("all", [["good film", "a film"], ["bad"]])
    several = Columns(("word",), "definition", accepted="all")
    assert WRITING.references(Part(rows, several, rows)) == [["good film", "a film"], ["bad"]]
    settings = DataConfig(max_length=8, target_length=4)
    features = [
        WRITING.encode(one, how, tokenizer, settings) for one, how in ((ROWS, COLUMNS), (rows, several))
    ]
    assert features[0].to_list() == features[1].to_list()


def test_it_trains_and_writes(gpt2, tokenizer, tmp_path):
    features = WRITING.encode(ROWS, COLUMNS, tokenizer, DataConfig())
    model = WRITING.finish(load_model(str(gpt2), WRITING, ()), tokenizer, ())
    settings = {"output_dir": str(tmp_path), "use_cpu": True, "report_to": "none", "disable_tqdm": True}
    settings |= {
        "num_train_epochs": 200,
        "learning_rate": 0.03,
        "save_strategy": "no",
        "logging_strategy": "no",
    }
    settings |= WRITING.arguments(DataConfig(target_length=5), EvaluationConfig(beams=1))
    arguments = WRITING.arguments_class(dataloader_pin_memory=False, **settings)
    collator = WRITING.collator(tokenizer, model)
    trainer = WRITING.trainer_class(model, arguments, train_dataset=features, data_collator=collator)
    trainer.train()
    output = trainer.predict(features)
    written = WRITING.decode(output, None, tokenizer, EvaluationConfig())
    assert written == ["good film", "bad"]
    assert output.metrics["test_loss"] < 0.1
