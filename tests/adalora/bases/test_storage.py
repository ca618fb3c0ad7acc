"""Weights kept as floating-point numbers."""

import pytest
import torch
from torch import nn

from adalora.bases import Floating, storage_of


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_weight_is_read_rounded_and_exchanged(dtype):
    layer = nn.Linear(4, 3).to(dtype)
    storage = storage_of(layer)
    assert type(storage) is Floating
    assert not storage.rounds
    before = layer.weight
    assert storage.read(layer, before).data_ptr() == before.data_ptr()
    new = storage.encode(layer, torch.full((3, 4), 1 / 3, dtype=torch.float64))
    assert new.dtype == dtype
    assert layer.weight is before
    storage.put(layer, new)
    assert layer.weight is new
    assert storage.tensors(layer)[0] is new


def test_a_parameter_put_aside_follows_and_stays_itself():
    layer = nn.Linear(4, 3)
    aside = layer.weight
    layer.weight = nn.Parameter(torch.zeros(3, 4, dtype=torch.float64))
    followed = storage_of(layer).follow(aside, layer.weight)
    assert followed is aside
    assert followed.dtype == torch.float64
