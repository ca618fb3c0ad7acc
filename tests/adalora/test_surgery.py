"""What changes around the adapted layers, and changes back."""

import copy

import pytest
import torch
from torch import nn

import adalora
from adalora import AdapterConfig
from adalora.surgery import tell


class TwoPlaces(nn.Module):
    """One attention under two names."""

    def __init__(self):
        super().__init__()
        self.one = nn.MultiheadAttention(8, 2, batch_first=True)
        self.two = self.one

    def forward(self, x):
        return self.two(*[self.one(x, x, x)[0]] * 3)[0]


def test_an_attention_under_two_names_is_taken_apart_once():
    torch.manual_seed(0)
    model, x = TwoPlaces(), torch.randn(2, 3, 8)
    expected = model(x)
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["one.q_proj"]))
    assert model.one is model.two
    assert list(adalora.adapters(model)) == ["one.q_proj"]
    torch.testing.assert_close(model(x), expected)
    adalora.unload(model)
    assert model.one is model.two
    assert type(model.one) is nn.MultiheadAttention
    torch.testing.assert_close(model(x), expected)


def test_the_attention_of_another_adapter_stays_apart():
    model = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))
    before = {name: p.clone() for name, p in model.state_dict().items()}
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["q_proj"]))
    layer = model[0]
    assert layer.activation_relu_or_gelu == 0
    tell(model)  # as often as one likes
    assert layer.activation_relu_or_gelu == 0
    adalora.unload(model)
    assert layer.activation_relu_or_gelu == 1
    assert "adalora_overridden" not in layer.__dict__
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())
    twin = copy.deepcopy(model)
    adalora.inject(twin, AdapterConfig(rank=2, target_modules=["linear1"]))
    assert type(twin[0].self_attn) is nn.MultiheadAttention, "nothing of it is adapted"


def test_a_model_that_was_loaded_quantised_says_so_again_without_adapters():
    model = nn.Sequential(nn.Linear(4, 4))
    model.is_quantized = True  # what the Trainer asks
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["0"]))
    assert not model.is_quantized
    for change in (model.half, model.float):
        with pytest.raises(
            adalora.StateError, match="loaded quantised, and a change of its type would damage"
        ):
            change()
    adalora.unload(model)
    assert model.is_quantized
    assert model.half()[0].weight.dtype == torch.float16
    assert "adalora_overridden" not in model.__dict__
