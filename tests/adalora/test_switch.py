"""Turning adapters off."""

import pytest
import torch

import adalora
from adalora import AdapterConfig
from tests.models import mlp


@pytest.mark.parametrize("merge", [False, True])
def test_disabled_answers_as_the_base_and_comes_back(merge):
    base = mlp()
    x = torch.randn(3, 6, dtype=torch.float64)
    plain = base(x)
    model = adalora.inject(base, AdapterConfig(rank=2, target_modules=["up"]))
    model.up.update.lam.data.fill_(3.0)
    if merge:
        adalora.merge_(model)
    on = model(x)
    with pytest.raises(RuntimeError, match="inside"), adalora.disabled(model):
        assert torch.equal(model(x), plain)
        with adalora.disabled(model):
            assert torch.equal(model(x), plain)
        assert torch.equal(model(x), plain)
        raise RuntimeError("inside")
    assert torch.equal(model(x), on)
    assert not torch.equal(on, plain)
    assert model.up.merged is merge
