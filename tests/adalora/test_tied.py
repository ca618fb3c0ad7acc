"""Weights that two modules share."""

import copy

import pytest
import torch
from torch import nn
from transformers import (
    GPT2LMHeadModel,
    T5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
)

import adalora
from adalora import AdapterConfig
from tests.families import FAMILIES
from tests.models import gpt2, gpt2_batches

BATCH = next(gpt2_batches(1))


def tied(target, **settings):
    model = gpt2().eval()
    with pytest.warns(UserWarning, match=r"shares its weight with .* acts on .* alone, and a merge unties"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=[target], update="lora", **settings))
    for layer in adalora.adapters(model).values():
        nn.init.normal_(layer.update.B)
    return model


@pytest.mark.parametrize("target", ["lm_head", "wte"])
def test_the_update_acts_on_its_own_module_alone(target):
    model = tied(target)
    weight = model.transformer.wte.weight
    assert model.lm_head.weight is weight
    own, delta = (
        copy.deepcopy(model),
        adalora.adapters(model)[{"wte": "transformer.wte"}.get(target, target)].delta_weight(),
    )
    adalora.unload(own)
    other = own.transformer.wte if target == "lm_head" else own.lm_head
    changed = own.lm_head if target == "lm_head" else own.transformer.wte
    assert torch.equal(other.weight, weight)
    torch.testing.assert_close(changed.weight, weight + delta)
    torch.testing.assert_close(own(**BATCH).logits, model(**BATCH).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("target", ["lm_head", "wte"])
@pytest.mark.parametrize("settings", [{}, {"init": "pissa"}], ids=["gaussian", "pissa"])
def test_what_was_merged_is_saved_and_loaded_untied(target, settings, tmp_path):
    model = tied(target, **settings)
    expected = model(**BATCH).logits
    adalora.unload(model).save_pretrained(tmp_path)
    loaded = GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    assert not loaded.config.tie_word_embeddings
    assert loaded.lm_head.weight is not loaded.transformer.wte.weight
    torch.testing.assert_close(loaded(**BATCH).logits, expected, rtol=1e-4, atol=1e-4)


def test_of_four_tied_weights_all_are_saved(tmp_path):
    family = FAMILIES["t5"]
    torch.manual_seed(0)
    model, batch = family.build().eval(), family.batch()
    with pytest.warns(UserWarning, match="'lm_head' shares its weight"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["lm_head"], update="lora"))
    nn.init.normal_(model.lm_head.update.B)
    expected = model(**batch).logits
    adalora.unload(model).save_pretrained(tmp_path)
    loaded = T5ForConditionalGeneration.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(loaded(**batch).logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("target", ["lm_head", "wte"])
def test_an_adapted_model_can_be_saved_as_the_trainer_does(target, tmp_path):
    model = tied(target)
    model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()


def test_a_tied_weight_adapted_twice_is_refused():
    model = gpt2()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    message = (
        r"'transformer.wte' and 'lm_head' share one weight, and both would be adapted; allowed: one of them"
    )
    with pytest.raises(adalora.TargetError, match=message):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["wte", "lm_head"]))
    assert type(model.lm_head) is nn.Linear
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())

    model = tied("lm_head")
    with pytest.raises(adalora.TargetError, match=r"'transformer.wte' and 'lm_head' share one weight"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["wte"]), "second")
    assert type(model.transformer.wte) is nn.Embedding


def test_a_module_under_two_names_is_one_module():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(4, 4)
            self.two = self.one

        def forward(self, x):
            return self.two(torch.tanh(self.one(x)))

    torch.manual_seed(1)
    model, x = Twice().double(), torch.randn(3, 4, dtype=torch.float64)
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["two"], update="lora"))
    assert model.one is model.two
    update = model.one.update
    nn.init.normal_(update.B)
    model(x).square().sum().backward()
    A, B = (p.detach().clone().requires_grad_() for p in (update.A, update.B))
    W = model.one.base.weight + update.scaling * B @ A
    b = model.one.base.bias
    out = torch.tanh(x @ W.T + b) @ W.T + b
    out.square().sum().backward()
    torch.testing.assert_close(model(x), out)
    torch.testing.assert_close(update.A.grad, A.grad)
    torch.testing.assert_close(update.B.grad, B.grad)


class Pair(nn.Module):
    def __init__(self, one, two):
        super().__init__()
        self.one, self.two = one, two


def tied_attention():
    one, two = nn.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 2)
    two.in_proj_weight = one.in_proj_weight
    return Pair(one, two), ["q_proj"], ["one.q_proj"]


def tied_experts():
    build = FAMILIES["mixtral"].build
    one, two = (build().model.layers[0].mlp.experts for _ in range(2))
    two.gate_up_proj = one.gate_up_proj
    return Pair(one, two), ["gate_up_proj"], ["one.gate_up_proj"]


@pytest.mark.parametrize("build", [tied_attention, tied_experts])
def test_ties_inside_modules_of_several_matrices_are_seen(build):
    model, both, first = build()
    modules = dict(model.named_modules())
    with pytest.raises(
        adalora.TargetError, match=r"'one.* and 'two' share one weight, and both would be adapted"
    ):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=both))
    assert dict(model.named_modules()) == modules
    with pytest.warns(UserWarning, match="'one.* shares its weight with 'two'"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=first))


def test_merging_first_unties_too():
    model = tied("lm_head")
    expected = model(**BATCH).logits
    adalora.unload(adalora.merge_(model))
    assert not model.config.tie_word_embeddings
    model.tie_weights()  # as whatever changes the vocabulary does
    torch.testing.assert_close(model(**BATCH).logits, expected, rtol=1e-5, atol=1e-5)


def test_another_holder_that_is_trained_in_full_learns():
    family = FAMILIES["t5"]
    torch.manual_seed(0)
    model, batch = family.build(), family.batch()
    settings = {"target_modules": ["lm_head"], "train_modules": ["embed_tokens"], "rank": 2, "init": "pissa"}
    with pytest.warns(UserWarning, match="'lm_head' shares its weight"):
        adalora.inject(model, AdapterConfig(**settings))
    family.loss(model, batch).backward()
    trained = [name for name, p in model.named_parameters() if p.requires_grad and "embed_tokens" in name]
    assert len(trained) == 2
    assert all(model.get_parameter(name).grad.abs().sum() > 0 for name in trained)


def test_a_quantised_copy_of_a_tied_weight_is_refused():
    model = gpt2()
    with pytest.raises(
        adalora.TargetError, match=r"'lm_head' shares its weight with 'transformer.wte', which a quantised"
    ):
        adalora.quantize_(model, target_modules=["lm_head"])
    assert model.lm_head.weight is model.transformer.wte.weight


def test_a_model_that_asks_whether_it_is_tied_cannot_be_parted():
    """UMT5 scales its outputs by √d where the embeddings are tied."""
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "vocab_size": 30}
    model = UMT5ForConditionalGeneration(
        UMT5Config(**sizes, tie_word_embeddings=True, decoder_start_token_id=0)
    )
    modules = dict(model.named_modules())
    message = (
        "'lm_head' shares its weight with .* and UMT5ForConditionalGeneration computes something else where"
    )
    with pytest.raises(adalora.TargetError, match=message):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["lm_head"]))
    assert dict(model.named_modules()) == modules
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["q", "v"]))
