"""The adapted layer: forward, gradients, and the manners of its base layer."""

import copy
import pickle

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

import adalora
from adalora import AdapterConfig
from adalora.layers import AdaptedLayer, kind_of
from adalora.updates import SVDUpdate
from tests.models import gpt2, mlp


def layer(base, rank=3, dropout=0.0):
    base = base.double().requires_grad_(False)
    kind = kind_of(base)
    adapted = AdaptedLayer(base, kind)
    adapted.add_("default", SVDUpdate(*kind.shape(base), rank, 0.7, dropout=dropout, dtype=torch.float64))
    adapted.update.lam.data.normal_()
    return adapted


BASES = [lambda: nn.Linear(5, 4), lambda: nn.Linear(5, 4, bias=False), lambda: Conv1D(4, 5)]
IDS = ["linear", "no-bias", "conv1d"]


@pytest.mark.parametrize("base", BASES, ids=IDS)
@pytest.mark.parametrize("shape", [(5,), (1, 5), (2, 3, 5), (0, 5)])
def test_forward_is_the_base_plus_the_dense_update(base, shape):
    adapted = layer(base())
    x = torch.randn(*shape, dtype=torch.float64)
    u = adapted.update
    expected = adapted.base(x) + x @ (0.7 * u.P @ torch.diag(u.lam) @ u.Q).T
    torch.testing.assert_close(adapted(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("base", BASES, ids=IDS)
def test_gradcheck(base):
    adapted = layer(base())
    names = [f"updates.default.{factor}" for factor in ("P", "lam", "Q")]
    inputs = [
        torch.randn(3, 5, dtype=torch.float64),
        *(adapted.get_parameter(name).detach() for name in names),
    ]

    def forward(x, *factors):
        return torch.func.functional_call(adapted, dict(zip(names, factors, strict=True)), (x,))

    assert torch.autograd.gradcheck(forward, [value.clone().requires_grad_() for value in inputs])


def test_dropout_acts_on_the_update_alone_and_only_in_training():
    adapted = layer(nn.Linear(5, 4), dropout=0.5)
    x = torch.randn(200, 5, dtype=torch.float64)
    assert not torch.equal(adapted(x), adapted(x))
    adapted.update.lam.data.zero_()
    assert torch.equal(adapted(x), adapted.base(x))
    adapted.update.lam.data.fill_(1.0)
    adapted.eval()
    assert torch.equal(adapted(x), adapted(x))


def test_it_answers_for_its_base_and_for_nothing_else():
    adapted = layer(nn.Linear(5, 4))
    assert adapted.in_features == 5
    assert adapted.weight is adapted.base.weight
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = adapted.no_such_thing
    adapted.weight = nn.Parameter(torch.zeros(4, 5, dtype=torch.float64))  # as transformers ties weights
    assert torch.equal(adapted.base.weight, torch.zeros(4, 5))
    x = torch.randn(2, 5, dtype=torch.float64)
    assert torch.equal(adapted(input=x), adapted(x))


def test_it_can_be_copied_and_pickled():
    adapted = layer(Conv1D(4, 5))
    x = torch.randn(2, 5, dtype=torch.float64)
    for twin in (copy.deepcopy(adapted), pickle.loads(pickle.dumps(adapted))):  # noqa: S301
        assert torch.equal(twin(x), adapted(x))


def test_it_keeps_the_mode_of_its_base():
    assert not AdaptedLayer(nn.Linear(2, 2).eval(), kind_of(nn.Linear(2, 2))).training


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_and_a_half_precision_base(dtype):
    adapted = layer(nn.Linear(5, 4)).float()
    x = torch.randn(3, 5)
    exact = adapted(x)
    with torch.autocast("cpu", dtype=dtype):
        torch.testing.assert_close(adapted(x).float(), exact, rtol=2e-2, atol=5e-2)
        assert adapted(x).dtype == dtype
    adapted.base.to(dtype)
    assert adapted(x.to(dtype)).dtype == dtype
    torch.testing.assert_close(adapted(x.to(dtype)).float(), exact, rtol=2e-2, atol=5e-2)


def test_a_rank_of_zero_alive_is_the_base():
    adapted = layer(nn.Linear(5, 4))
    adapted.update.keep_(torch.zeros(3, dtype=torch.bool))
    x = torch.randn(3, 5, dtype=torch.float64)
    assert torch.equal(adapted(x), adapted.base(x))
    assert adapted.rank == 0


def test_what_other_libraries_put_on_the_base_is_not_the_layers():
    layer = adalora.inject(mlp(), AdapterConfig(rank=2, target_modules=["up"], update="lora")).up
    torch.nn.init.normal_(layer.update.B)
    layer.base._old_forward = layer.base.forward  # as accelerate's hooks do
    assert layer.in_features == 6
    with pytest.raises(AttributeError, match="_old_forward"):
        layer._old_forward  # noqa: B018


def test_inputs_by_name_are_taken_too():
    model = adalora.inject(gpt2(), AdapterConfig(rank=2, target_modules=["c_fc"], update="lora"))
    layer = model.transformer.h[0].mlp.c_fc
    torch.nn.init.normal_(layer.update.B)
    x = torch.randn(2, 16)
    assert torch.equal(layer(x=x), layer(x))
