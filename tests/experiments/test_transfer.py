"""Pieces of the commands that write and read adapters: the probe, and the class that an adapter fits."""

import dataclasses
import math

import pytest
import torch
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    BartForSequenceClassification,
    BertModel,
    GPT2ForSequenceClassification,
)

import adalora
from experiments.transfer.fitting import fitting_class
from experiments.transfer.probe import answers, largest_difference, probe_of
from experiments.transfer.source import find_source
from tests.experiments import tiny


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    tiny.save_gpt2(folder)
    return folder


def test_the_probe_is_the_same_each_time_and_spares_special_tokens(bart):
    model = BartForSequenceClassification.from_pretrained(bart).eval()
    first, second = probe_of(model), probe_of(model)
    assert first.about == "4 × 16 random token ids, seed 0"
    assert all(torch.equal(one, second.inputs[name]) for name, one in first.inputs.items())
    tokens = first.inputs["input_ids"]
    assert tokens.shape == (4, 16)
    assert bool((tokens[:, -1] == model.config.eos_token_id).all())
    assert not bool(torch.isin(tokens[:, :-1], torch.tensor([0, 2, 3])).any())
    found = answers(model, first)
    assert found["logits"].shape == (4, model.config.num_labels)


def test_a_decoder_without_padding_is_asked_row_by_row(gpt2):
    model = GPT2ForSequenceClassification.from_pretrained(gpt2, num_labels=3).eval()
    model.config.pad_token_id = None
    assert answers(model, probe_of(model))["logits"].shape == (4, 3)


def test_hidden_states_stand_in_for_logits(bert):
    model = BertModel.from_pretrained(bert).eval()
    assert list(answers(model, probe_of(model))) == ["last_hidden_state"]


def test_a_model_of_numbers_has_no_probe():
    model = torch.nn.Linear(2, 2)
    model.config = None
    assert probe_of(model) is None


def test_a_difference_with_a_nan_is_none():
    first, second = ({"logits": torch.tensor([0.0, one])} for one in (1.0, 3.0))
    assert largest_difference(first, second) == 2
    assert math.isnan(largest_difference(first, {"logits": torch.tensor([math.nan, 1.0])}))


CLASSES = [
    (AutoModelForSequenceClassification, {"num_labels": 7}, ["classifier"], AutoModelForSequenceClassification, 7),
    (AutoModelForQuestionAnswering, {}, ["qa_outputs"], AutoModelForQuestionAnswering, 2),
    (AutoModelForMaskedLM, {}, ["cls.predictions.transform"], AutoModelForMaskedLM, 2),
    (BertModel, {}, [], BertModel, 2),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "trained", "wanted", "labels"), CLASSES)
def test_the_class_is_found_by_names_and_shapes(kind, options, trained, wanted, labels, bert, tmp_path):
    model = kind.from_pretrained(bert, **options)
    adalora.inject(model, adalora.AdapterConfig(rank=2, target_modules=["query"], train_modules=trained))
    adalora.save(model, tmp_path / "adapter")
    found, config = fitting_class(str(bert), [find_source(str(tmp_path / "adapter"), None)])
    assert (found, config.num_labels) == (wanted, labels)


def test_a_head_that_claims_endless_labels_costs_nothing(bert, tmp_path):
    model = AutoModelForSequenceClassification.from_pretrained(bert)
    adalora.inject(
        model, adalora.AdapterConfig(rank=2, target_modules=["query"], train_modules=["classifier"])
    )
    adalora.save(model, tmp_path / "adapter")
    source = find_source(str(tmp_path / "adapter"), None)
    for rows in (10**13, 2**20 + 1):
        claimed = dataclasses.replace(source, trained=dict.fromkeys(source.trained, (rows, 0)))
        kind, config = fitting_class(str(bert), [claimed])
        assert (kind, config.num_labels) == (AutoModelForSequenceClassification, 2)
