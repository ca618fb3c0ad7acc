"""Bottlenecks between the layers."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from adalora import ConfigError
from experiments.config import BottleneckConfig
from experiments.methods.bottlenecks import Bottleneck, bottlenecks
from experiments.methods.stacks import stacks
from tests.experiments.tiny_families import MODELS, WIDTH, made, text

DESIGNS = ("h", "l", "p", "d")
R = 5


def logits(model):
    with torch.no_grad():
        return model(input_ids=text()).logits


def put(model, design, **settings):
    return bottlenecks(design).put_on(model, BottleneckConfig(R, **settings))


def stir(modules):
    for module in modules:
        for p in module.parameters():
            nn.init.normal_(p, std=0.5)


def f(bottleneck, x):
    """From the equation."""
    h = bottleneck.norm(x) @ bottleneck.down.weight.T + bottleneck.down.bias
    return F.gelu(h) @ bottleneck.up.weight.T + bottleneck.up.bias


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_the_same_at_the_start_and_another_later(name, design):
    model = made(MODELS[name])
    before = logits(model)
    on = put(model, design)
    assert torch.equal(logits(model), before)
    stir(on.modules)
    assert not torch.allclose(logits(model), before, atol=1e-3)
    on.take_off()
    assert torch.equal(logits(model), before)
    assert not any(isinstance(module, Bottleneck) for module in model.modules())


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", MODELS)
def test_the_number_of_weights_is_the_papers(name, design):
    model = made(MODELS[name])
    depths = [len(stack) for stack in stacks(model)]
    counted = sum(p.numel() for module in put(model, design).modules for p in module.parameters())
    modules = {"h": 2 * sum(depths), "d": sum(n - n // 2 for n in depths)}.get(design, sum(depths))
    norms = sum(depths) if design == "l" else 0
    assert counted == modules * (2 * WIDTH * R + R + WIDTH) + 2 * norms * WIDTH


@pytest.mark.parametrize("design", ["h", "l", "p"])
def test_a_layer_of_bert_from_the_equations(design):
    model = made(MODELS["bert"])
    stir(put(model, design).modules)
    layer = model.bert.encoder.layer[1]
    x = torch.randn(2, 4, WIDTH)
    bare = made(MODELS["bert"]).bert.encoder.layer[1]
    attention = bare.attention.output
    h = attention.dense(bare.attention.self(x)[0])
    if design == "h":
        h = h + f(layer.attention.output.dense.bottleneck, h)
    h = attention.LayerNorm(h + x)
    m = bare.output.dense(bare.intermediate(h))
    if design == "h":
        m = m + f(layer.output.dense.bottleneck, m)
    y = bare.output.LayerNorm(m + h)
    if design == "l":
        y = y + f(layer.bottleneck, y)
    if design == "p":
        y = bare.output.LayerNorm(m + h + f(layer.output.LayerNorm.bottleneck, y))
    torch.testing.assert_close(layer(x), y)


@pytest.mark.parametrize("design", ["h", "l", "p"])
def test_a_layer_of_llama_from_the_equations(design):
    model, bare = made(MODELS["llama"]), made(MODELS["llama"]).model.layers[1]
    stir(put(model, design).modules)
    layer = model.model.layers[1]
    x = torch.randn(2, 4, WIDTH)
    turned = model.model.rotary_emb(x, torch.arange(4)[None])
    a = bare.self_attn(bare.input_layernorm(x), position_embeddings=turned, attention_mask=None)[0]
    if design == "h":
        a = a + f(layer.self_attn.o_proj.bottleneck, a)
    h = x + a
    m = bare.mlp(bare.post_attention_layernorm(h))
    if design == "h":
        m = m + f(layer.mlp.down_proj.bottleneck, m)
    y = h + m
    if design != "h":
        y = y + f(layer.bottleneck, y)
    torch.testing.assert_close(layer(x, position_embeddings=turned), y)


@pytest.mark.parametrize(("dropped", "kept"), [(None, [2, 1]), (0, [3, 2]), (1, [2, 1])])
def test_the_lowest_layers_of_each_stack_go_without(dropped, kept):
    model = made(MODELS["bart"])
    put(model, "d", dropped=dropped)
    having = [[any(isinstance(m, Bottleneck) for m in layer.modules()) for layer in s] for s in stacks(model)]
    assert [sum(stack) for stack in having] == kept
    assert all(stack == sorted(stack) for stack in having)


def test_no_layer_with_a_module_is_refused():
    model = made(MODELS["bart"])
    with pytest.raises(ConfigError, match=r"bottleneck.dropped is 2, but a stack of the model has 2 layers"):
        put(model, "d", dropped=2)
    assert not any(isinstance(module, Bottleneck) for module in model.modules())


def test_a_family_that_is_not_known_is_refused():
    with pytest.raises(
        ConfigError, match=r"model is of type 'Linear', .*allowed: bert, .*bart, or another method"
    ):
        put(nn.Linear(2, 2), "h")


def test_an_encoder_set_up_as_a_decoder_is_refused():
    model = made(MODELS["bert"])
    model.config.is_decoder = True
    with pytest.raises(ConfigError, match="'bert' and set up as a decoder"):
        put(model, "h")


@pytest.mark.parametrize("settings", [{"width": 0}, {"dropped": -1}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=f"bottleneck.{next(iter(settings))} is"):
        BottleneckConfig(**settings)
