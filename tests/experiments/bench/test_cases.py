"""Models and batches that are measured."""

import pytest
import torch
from torch import nn

import adalora
from experiments.bench.cases import CASES, batches, chosen, pretrained, random_bert


def test_the_table_holds_the_three_rows():
    sizes = {name: (case.batch, case.tokens) for name, case in CASES.items()}
    assert sizes == {"bert-4x768": (8, 128), "minilm": (16, 64), "bert-6x768": (4, 32)}


def test_a_random_model_has_the_layout_asked_for_and_no_dropout():
    model = random_bert(1, 24)
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size, config.intermediate_size) == (1, 24, 96)
    assert config.num_attention_heads == 12
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.0}


def test_a_model_takes_the_place_of_the_cases(bert):
    (case,) = chosen(list(CASES), str(bert), 2, 5)
    assert (case.name, case.batch, case.tokens) == (bert.name, 2, 5)
    model = case.make()
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.0}
    assert [case.name for case in chosen(["minilm"], None, 2, 5)] == ["minilm"]


def test_what_cannot_be_read_is_said(bert):
    with pytest.raises(adalora.DataError, match=r"^model is 'nowhere'"):
        pretrained("nowhere", 8)
    with pytest.raises(adalora.ConfigError, match=r"^tokens is 999; allowed: at most 64, the positions of"):
        pretrained(str(bert), 999)


def test_batches_differ_and_can_be_repeated(case):
    model = case.make()
    first, second = batches(model, case, 2, seed=0)
    assert first["input_ids"].shape == (3, 8)
    assert not torch.equal(first["input_ids"], second["input_ids"])
    assert torch.equal(batches(model, case, 1, seed=0)[0]["input_ids"], first["input_ids"])
    assert torch.isfinite(model(**first).loss)
