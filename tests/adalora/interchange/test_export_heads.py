"""Modules trained in full go along in an export: one head, several of them, and names that end in each other."""

import copy

import pytest
import torch
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.adalora.interchange.layouts import LAYOUTS, adapted
from tests.adalora.interchange.peft_side import assert_near, in_peft, merged_in_peft, move, run

BERT = LAYOUTS["bert"]


def test_a_trained_head_goes_along(tmp_path):
    base, model = adapted(BERT, target_modules=["query", "intermediate.dense"], train_modules=["classifier"])
    model.classifier.weight.data += 0.5
    model.classifier.bias.data -= 1.0
    adalora.export_peft(model, tmp_path)
    batch, expected = BERT.batch(), run(model, BERT.batch())
    theirs = in_peft(base, tmp_path)
    assert_near(run(theirs, batch), expected)
    assert_near(run(merged_in_peft(theirs), batch), expected)
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    assert_near(run(ours, batch), expected)
    assert ours.classifier.weight.requires_grad


def test_a_trained_head_is_enough(tmp_path):
    base, model = adapted(BERT, target_modules=["query"], train_modules=["classifier"])
    for layer in adalora.adapters(model).values():
        layer.update.keep_(torch.zeros(4, dtype=torch.bool))
    model.classifier.weight.data += 0.5
    exported = adalora.export_peft(model, tmp_path)
    assert set(exported.ranks.values()) == {0}
    batch, expected = BERT.batch(), run(model, BERT.batch())
    assert_near(run(in_peft(base, tmp_path), batch), expected)
    assert_near(run(adalora.import_peft(copy.deepcopy(base), tmp_path), batch), expected)


def two_heads():
    """Return a model on which two adapters have trained a head of their own, and its base."""
    base = BERT.build()
    model = copy.deepcopy(base)
    for name, update, target in (("a", "svd", "query"), ("b", "lora", "value")):
        config = AdapterConfig(update=update, rank=2, target_modules=[target], train_modules=["classifier"])
        adalora.inject(model, config, name=name)
        move(model, name)
        adalora.set_adapter(model, name)
        for parameter in model.classifier.parameters():
            parameter.data += torch.randn_like(parameter)
    return base, model.eval()


@pytest.mark.parametrize(
    "which", ["a", "b", {"a": 0.5, "b": 2.0}, {"b": 1.0, "a": -1.0}, {"a": 0.5}], ids=str
)
def test_of_several_heads_the_one_that_would_run_goes_along(which, tmp_path):
    base, model = two_heads()
    adalora.export_peft(model, tmp_path, which)
    expected = run(adalora.set_adapter(model, which), BERT.batch())
    assert_near(run(in_peft(base, tmp_path), BERT.batch()), expected)
    assert_near(run(adalora.import_peft(copy.deepcopy(base), tmp_path).eval(), BERT.batch()), expected)


def test_a_sum_takes_over_the_head_that_would_run(tmp_path):
    base, model = two_heads()
    weights = {"a": 0.5, "b": 2.0}
    expected = run(adalora.set_adapter(model, weights), BERT.batch())
    adalora.combine(model, weights, "sum")
    assert_near(run(model, BERT.batch()), expected)
    adalora.save(model, tmp_path / "ours", name="sum")
    loaded = adalora.load(copy.deepcopy(base), tmp_path / "ours", name="sum").eval()
    assert_near(run(loaded, BERT.batch()), expected)
    adalora.export_peft(model, tmp_path / "peft", "sum")
    assert_near(run(in_peft(base, tmp_path / "peft"), BERT.batch()), expected)


def test_a_head_is_not_confused_with_a_module_whose_name_ends_like_its_own(tmp_path):
    # peft compares the ends of names, not their last parts: here 14 ends with 4.
    torch.manual_seed(0)
    base = nn.Sequential(*[nn.Linear(6, 6) for _ in range(15)]).requires_grad_(False)
    model = adalora.inject(
        copy.deepcopy(base), AdapterConfig(rank=2, target_modules=["1"], train_modules=["4"])
    )
    move(model)
    model[4].weight.data += 0.3
    adalora.export_peft(model, tmp_path)
    x = [torch.randn(5, 6)]
    assert_near(run(in_peft(base, tmp_path), x), run(model, x))
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    assert_near(run(ours, x), run(model, x))
    assert ours[4].weight.requires_grad
