"""Merging: the same outputs, and the way back to the bit."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.models import bert, bert_batches, gpt2, gpt2_batches, mlp

CASES = [(bert, bert_batches, ["query", "dense"]), (gpt2, gpt2_batches, ["c_attn", "c_fc", "c_proj"])]


def adapted(build, targets):
    model = adalora.inject(build().eval(), AdapterConfig(rank=4, target_modules=targets, init="orthogonal"))
    for layer in adalora.adapters(model).values():
        layer.update.lam.data.normal_()
    return model


def weights(model):
    return {name: layer.base.weight for name, layer in adalora.adapters(model).items()}


@pytest.mark.parametrize(("build", "batches", "targets"), CASES)
def test_merged_outputs_equal_adapted_ones_and_unmerge_is_exact(build, batches, targets):
    model, batch = adapted(build, targets), next(batches(1))
    adapted_logits = model(**batch).logits
    before = weights(model)
    values = {name: weight.clone() for name, weight in before.items()}
    with adalora.merged(model):
        torch.testing.assert_close(model(**batch).logits, adapted_logits, rtol=1e-5, atol=1e-5)
        assert all(layer.merged for layer in adalora.adapters(model).values())
        assert not any(torch.equal(weight, values[name]) for name, weight in weights(model).items())
    for name, weight in weights(model).items():
        assert weight is before[name]
        assert torch.equal(weight, values[name])
    assert torch.equal(model(**batch).logits, adapted_logits)


@pytest.mark.parametrize(("build", "batches", "targets"), CASES)
def test_delta_weight_lies_as_the_base_weight_does(build, batches, targets):
    model = adapted(build, targets)
    for layer in adalora.adapters(model).values():
        assert layer.delta_weight().shape == layer.base.weight.shape
        update = layer.update
        dense = update.scaling * update.P @ torch.diag(update.lam) @ update.Q
        lies = dense if isinstance(layer.base, nn.Linear) else dense.T
        torch.testing.assert_close(layer.delta_weight(), lies.detach(), rtol=1e-5, atol=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-6, 1e6))
def test_the_way_back_is_exact_whatever_the_size_of_the_update(seed, scale):
    torch.manual_seed(seed)
    model = adapted(lambda: mlp().to(torch.bfloat16), ["up", "down"])
    model.up.update.lam.data.mul_(scale)
    before = {name: weight.clone() for name, weight in weights(model).items()}
    adalora.unmerge_(adalora.merge_(model))
    assert all(torch.equal(weight, before[name]) for name, weight in weights(model).items())


def test_the_original_comes_back_after_an_error():
    model = adapted(mlp, ["up"])
    before = model.up.base.weight
    with pytest.raises(ZeroDivisionError), adalora.merged(model):
        _ = 1 / 0
    assert model.up.base.weight is before


def test_unload_returns_plain_layers_with_the_same_outputs():
    model, batch = adapted(bert, ["query", "dense"]), next(bert_batches(1))
    expected = model(**batch).logits
    plain = adalora.unload(copy.deepcopy(model))
    assert adalora.adapters(plain) == {}
    assert plain.state_dict().keys() == bert().state_dict().keys()
    torch.testing.assert_close(plain(**batch).logits, expected, rtol=1e-5, atol=1e-5)
    merged_first = adalora.unload(adalora.merge_(copy.deepcopy(model)))
    torch.testing.assert_close(merged_first(**batch).logits, expected, rtol=1e-5, atol=1e-5)
    adalora.inject(plain, AdapterConfig(rank=2, target_modules=["query"]))


def test_calls_out_of_order_are_refused():
    with pytest.raises(adalora.StateError, match="no adapter; call inject"):
        adalora.merge_(mlp())
    model = adapted(mlp, ["up"])
    with pytest.raises(adalora.StateError, match="not merged; call merge_"):
        adalora.unmerge_(model)
    adalora.merge_(model)
    with pytest.raises(adalora.StateError, match="merged already; call unmerge_"):
        adalora.merge_(model)


def test_merging_while_disabled_is_refused():
    model = adapted(mlp, ["up"])
    before = model.up.base.weight
    with adalora.merged(model), adalora.disabled(model):
        with pytest.raises(adalora.StateError, match=r"disabled; leave the block"):
            adalora.merge_(model)
        assert model.up.base.weight is before
    assert model.up.base.weight is before
    assert not model.up.merged


def test_a_model_that_changed_its_type_while_merged_still_runs():
    model = adapted(mlp, ["up", "down"])
    adalora.unmerge_(adalora.merge_(model).float())
    assert model(torch.randn(2, 6)).dtype == torch.float32
