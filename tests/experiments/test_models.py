"""Models from a folder, and what is said when there is none."""

import shutil

import pytest
import torch
from transformers import BertForSequenceClassification

from adalora import ConfigError, DataError
from experiments import models
from experiments.models import load_model
from experiments.problems import ANSWERING, CLASSIFICATION, REGRESSION, SUMMARIZING


def test_a_classifier_has_a_head_for_the_classes_and_names_them(bert):
    model = load_model(str(bert), CLASSIFICATION, ("no", "yes", "maybe"))
    assert isinstance(model, BertForSequenceClassification)
    assert model.classifier.out_features == 3
    assert model.config.id2label == {0: "no", 1: "yes", 2: "maybe"}


def test_the_kind_of_problem_chooses_the_class(bert, deberta, bart):
    assert load_model(str(bert), REGRESSION, ()).config.problem_type == "regression"
    assert load_model(str(deberta), ANSWERING, ()).qa_outputs.out_features == 2
    assert load_model(str(bart), SUMMARIZING, ()).can_generate()


def test_a_new_head_comes_from_the_generator(bert):
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(load_model(str(bert), CLASSIFICATION, ("a", "b")).classifier.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_weights_stored_in_half_precision_are_trained_in_single(bert, tmp_path):
    load_model(str(bert), CLASSIFICATION, ("a", "b")).half().save_pretrained(tmp_path)
    model = load_model(str(tmp_path), CLASSIFICATION, ("a", "b"))
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", ["bert", "deberta"])
def test_the_dropout_before_the_head_is_set(kind, request):
    folder = request.getfixturevalue(kind)
    assert load_model(str(folder), CLASSIFICATION, ("a", "b"), 0.35).dropout.p == 0.35


def test_a_model_without_that_dropout_says_so():
    config = type("Config", (), {"model_type": "other"})()
    with pytest.raises(ConfigError, match=r"training.classifier_dropout is 0.1, but .* 'other'"):
        models._set_head_dropout(config, 0.1)


def test_a_model_that_is_nowhere_is_named(tmp_path):
    with pytest.raises(DataError, match=r"model is 'miniml', .* Did you mean 'minilm'"):
        load_model("miniml", CLASSIFICATION, ("a", "b"))
    with pytest.raises(DataError, match="a folder without a whole model"):
        load_model(str(tmp_path), CLASSIFICATION, ("a", "b"))


def test_a_truncated_model_is_named(bert, tmp_path):
    shutil.copytree(bert, tmp_path / "half")
    weights = tmp_path / "half/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(DataError, match="half', which is a folder without a whole model"):
        load_model(str(tmp_path / "half"), CLASSIFICATION, ("a", "b"))
