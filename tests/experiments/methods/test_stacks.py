"""The stacks of layers in a model."""

import pytest
from torch import nn

from experiments.methods.stacks import stacks
from tests.experiments.tiny_families import LAYERS, MODELS


@pytest.mark.parametrize("name", MODELS)
def test_layers_are_found(name):
    assert [len(stack) for stack in stacks(MODELS[name]())] == ([LAYERS, 2] if name == "bart" else [LAYERS])


def test_a_list_without_attention_is_none():
    assert stacks(nn.ModuleList([nn.Linear(2, 2)])) == []
