"""Modules trained in full under several adapters."""

import copy

import pytest
import torch
from torch import nn
from transformers import T5Config, T5ForConditionalGeneration

import adalora
from adalora import AdapterConfig
from adalora.trained import trained_modules
from tests.models import mlp


class Headed(nn.Module):
    """A layer, and a head of two layers."""

    def __init__(self):
        super().__init__()
        self.up = nn.Linear(6, 8)
        self.head = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 3))
        self.other = nn.Linear(6, 8)

    def forward(self, x):
        return self.head(self.up(x))


def adapted(train="head", target="up"):
    model = Headed()
    adalora.inject(model, AdapterConfig(rank=2, target_modules=[target], train_modules=[train]), "a")
    return model


def test_the_first_trains_in_place_and_the_next_a_copy():
    model = adapted()
    first = model.head
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"], train_modules=["head"]), "b")
    assert model.head.copies["a"] is first
    assert not any(p.requires_grad for p in model.head.base.parameters())
    assert list(trained_modules(model, AdapterConfig(train_modules=["head"]))) == ["head"]
    assert [name for name, p in model.named_parameters() if p.requires_grad and "head" in name] == [
        f"head.copies.b.{layer}.{part}" for layer in (0, 1) for part in ("weight", "bias")
    ]
    adalora.set_adapter(model, "a")
    assert all(p.requires_grad for p in first.parameters())
    assert not any(p.requires_grad for p in model.head.copies["b"].parameters())


def test_an_adapter_without_a_copy_uses_the_module_as_it_was():
    model = Headed()
    before = copy.deepcopy(model.head)
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"]), "a")
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"], train_modules=["head"]), "b")
    for p in model.head.copies.parameters():
        p.data += 1
    x = torch.randn(2, 6)
    assert not torch.allclose(model(x), before(model.up(x)))
    adalora.set_adapter(model, "a")
    torch.testing.assert_close(model(x), before(model.up(x)))


def test_its_attributes_are_those_of_the_copy_that_runs():
    model = mlp()
    for name in ("a", "b"):
        adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"], train_modules=["head"]), name)
    assert model.head.weight is model.head.copies["b"].weight
    adalora.set_adapter(model, "a")
    assert model.head.weight is model.head.copies["a"].weight
    assert model.head.out_features == 3
    with pytest.raises(AttributeError, match="nothing"):
        _ = model.head.nothing


def test_what_shares_weights_shares_them_among_the_copies():
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "vocab_size": 30}
    model = T5ForConditionalGeneration(T5Config(**sizes, decoder_start_token_id=0))
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["q"]), "a")
    config = AdapterConfig(rank=2, target_modules=["v"], train_modules=["shared", "embed_tokens", "lm_head"])
    adalora.inject(model, config, "b")
    own = model.encoder.embed_tokens.copies["b"].weight
    assert own is model.decoder.embed_tokens.copies["b"].weight is model.lm_head.copies["b"].weight
    assert own is not model.shared.base.weight
    with pytest.raises(
        adalora.TargetError, match=r"'lm_head', which shares its weight with '(shared|.*embed_tokens)'"
    ):
        adalora.inject(
            model_of_t5(), AdapterConfig(rank=2, target_modules=["v"], train_modules=["lm_head"]), "b"
        )


def model_of_t5():
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "vocab_size": 30}
    model = T5ForConditionalGeneration(T5Config(**sizes, decoder_start_token_id=0))
    return adalora.inject(model, AdapterConfig(rank=2, target_modules=["q"]), "a")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"target_modules": ["other"], "train_modules": ["up"]},
            r"\['up'\] holds 'up', which another adapter adapts",
        ),
        (
            {"train_modules": ["head.1"]},
            "holds 'head.1', and adapter 'a' trains 'head'; name 'head'",
        ),
        (
            {"target_modules": ["head.0"]},
            r"'head.0' cannot be adapted: adapter 'a' trains 'head' in full. Put 'head' in exclude",
        ),
    ],
)
def test_what_would_mix_two_adapters_is_refused(settings, message):
    model = adapted()
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["up"], train_modules=["head"]), "b")
    before = {name: (id(p), p.requires_grad) for name, p in model.named_parameters()}
    with pytest.raises(adalora.TargetError, match=message):
        adalora.inject(model, AdapterConfig(**{"rank": 2, "target_modules": ["up"], **settings}), "c")
    assert {name: (id(p), p.requires_grad) for name, p in model.named_parameters()} == before
    assert "c" not in model.up.updates
