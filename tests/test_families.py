"""The tiny families are what the other tests take them for."""

import pytest
import torch
from torch import nn

from tests.families import FAMILIES, RELATIVES, roi_align

ALL = {**FAMILIES, **RELATIVES}


def is_under(name, parents):
    return any(name.startswith(parent + ".") for parent in parents)


@pytest.mark.parametrize("family", ALL.values(), ids=ALL)
def test_gradients_reach_every_matrix(family):
    model = family.build()
    assert model.config.model_type == family.model_type
    loss = family.loss(model, family.batch())
    assert loss.shape == ()
    assert loss.isfinite()
    loss.backward()
    reached = {
        name: parameter.grad is not None and bool(parameter.grad.any())
        for name, parameter in model.named_parameters()
        if parameter.ndim >= 2 and parameter.requires_grad
    }
    assert {name for name, yes in reached.items() if not yes} == {
        name for name in reached if is_under(name, family.unreached)
    }
    assert all(any(is_under(name, [parent]) for name in reached) for parent in family.unreached)


@pytest.mark.parametrize("family", ["mixtral", "qwen3_moe", "gpt_oss"])
def test_gradients_reach_every_expert(family):
    model = FAMILIES[family].build()
    FAMILIES[family].loss(model, FAMILIES[family].batch()).backward()
    fused = [parameter for parameter in model.parameters() if parameter.ndim == 3]
    assert len(fused) == 4
    assert all(expert.any() for parameter in fused for expert in parameter.grad)


@pytest.mark.parametrize("family", ALL.values(), ids=ALL)
def test_a_seed_says_all(family):
    losses = []
    for _ in range(2):
        torch.manual_seed(3)
        losses.append(family.loss(family.build(), family.batch()))
    assert torch.equal(*losses)


def test_settings_can_be_changed():
    model = FAMILIES["t5"].build(feed_forward_proj="gated-gelu")
    assert any(name.endswith("wi_0") for name, _ in model.named_modules())


def test_the_stand_in_for_torchvision_averages_a_plane_exactly():
    # On f(x, y) = x + 10y, the value at a bin's centre is the bin's average. Cell i lies at i + ½.
    y, x = torch.meshgrid(torch.arange(6) + 0.5, torch.arange(6) + 0.5, indexing="ij")
    features = (x + 10 * y).view(1, 1, 6, 6)
    pooled = roi_align(features, (torch.tensor([[1.0, 2.0, 5.0, 4.0]]),), 2)
    torch.testing.assert_close(pooled, torch.tensor([[[[27.0, 29.0], [37.0, 39.0]]]]))


def test_families_cover_the_kinds_of_layers():
    kinds = {type(module) for family in FAMILIES.values() for module in family.build().modules()}
    assert {nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding} <= kinds
