"""Walking over a model."""

import torch
from torch import nn

import adalora
from adalora import AdapterConfig
from adalora.walk import unwrap, walk
from tests.models import mlp


def test_wrappers_are_seen_through():
    model = mlp()
    wrapped = nn.DataParallel(torch.compile(model, backend="eager"))
    assert unwrap(wrapped) is model
    adalora.inject(wrapped, AdapterConfig(rank=2, target_modules=["up"]))
    assert list(adalora.adapters(wrapped)) == list(adalora.adapters(model)) == ["up"]
    assert isinstance(model.up, adalora.AdaptedLayer)
    adalora.unload(wrapped)
    assert type(model.up) is nn.Linear


def test_an_adapted_layer_is_one_module():
    model = adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"]))
    assert [name for name, _ in walk(model)] == ["", "up", "down", "head"]
