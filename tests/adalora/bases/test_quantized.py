"""Weights quantised by bitsandbytes."""

import bitsandbytes as bnb
import pytest
import torch
from torch import nn

from adalora.bases import storage_of
from adalora.bases.quantized import EightBit, FourBit, keep_exact, linear_4bit, linear_8bit, plain_layer

W = torch.randn(64, 128, generator=torch.Generator().manual_seed(0))
BUILDS = {
    "nf4": lambda bias: linear_4bit(W, bias, quant_type="nf4", double_quant=False),
    "nf4 double": lambda bias: linear_4bit(W, bias),
    "fp4": lambda bias: linear_4bit(W, bias, quant_type="fp4"),
    "int8": lambda bias: linear_8bit(W, bias),
}
every = pytest.mark.parametrize("name", BUILDS)


@every
@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_runs_with_what_is_read_from_it(name, bias):
    layer = BUILDS[name](nn.Parameter(torch.randn(64), requires_grad=False) if bias else None)
    storage = storage_of(layer)
    assert type(storage) is (EightBit if name == "int8" else FourBit)
    assert storage.rounds
    x = torch.randn(3, 128, requires_grad=True)
    for _ in range(2):  # a forward moves the constants of an 8-bit layer
        read = storage.read(layer, layer.weight)
        torch.testing.assert_close(layer(x), nn.functional.linear(x, read, layer.bias), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(read, W, rtol=0, atol=0.03 if name == "int8" else 0.8)
    (gradient,) = torch.autograd.grad(layer(x).sum(), x)
    torch.testing.assert_close(gradient, read.sum(0).expand(3, -1), rtol=1e-5, atol=1e-5)


@every
@pytest.mark.parametrize("ran", [False, True], ids=["fresh", "after a forward"])
def test_a_weight_is_exchanged_and_the_old_one_comes_back(name, ran):
    layer = BUILDS[name](None)
    storage, x = storage_of(layer), torch.randn(3, 128)
    if ran:
        layer(x)
    old, before = layer.weight, storage.read(layer, layer.weight)
    new = storage.encode(layer, 2 * W)
    assert layer.weight is old
    storage.put(layer, new)
    torch.testing.assert_close(storage.read(layer, layer.weight), 2 * before, rtol=1e-3, atol=2e-2)
    torch.testing.assert_close(layer(x), x @ storage.read(layer, layer.weight).T, rtol=1e-4, atol=1e-4)
    assert torch.equal(storage.read(layer, old), before)
    storage.put(layer, storage.follow(old, layer.weight))
    assert layer.weight is old
    assert torch.equal(storage.read(layer, layer.weight), before)
    torch.testing.assert_close(layer(x), x @ before.T, rtol=1e-4, atol=1e-4)


@every
def test_all_memory_is_counted(name):
    layer = BUILDS[name](None)
    blocks = W.numel() // 64
    constants = {
        "nf4": 4 * blocks + 16 * 4,
        "nf4 double": blocks + 4 + 4 + (16 + 256) * 4,
        "fp4": blocks + 4 + 4 + (16 + 256) * 4,
        "int8": 64 * 4,
    }[name]
    numbers = W.numel() if name == "int8" else W.numel() // 2
    assert sum(tensor.nbytes for tensor in storage_of(layer).tensors(layer)) == numbers + constants


def test_a_plain_layer_takes_the_bias_and_the_mode_along():
    layer = linear_4bit(W, nn.Parameter(torch.randn(64))).eval()
    plain = plain_layer(layer, W, torch.bfloat16)
    assert type(plain) is nn.Linear
    assert (plain.in_features, plain.out_features, plain.training) == (128, 64, False)
    assert {p.dtype for p in plain.parameters()} == {torch.bfloat16}
    torch.testing.assert_close(plain.bias, layer.bias.to(torch.bfloat16))


def test_a_repacked_weight_is_unpacked_and_stays_so():
    layer = bnb.nn.Linear4bit(128, 64, bias=False, quant_type="nf4", device="meta")
    layer.weight = bnb.nn.Params4bit(W.clone(), requires_grad=False, quant_type="nf4").to("cpu")
    layer.support_avx512bf16_for_cpu = True  # whatever this machine has
    layer.eval()
    from bitsandbytes.nn.modules import _convert_weight_packed_for_cpu

    before = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    layer.weight.data, layer.weight.quant_state = _convert_weight_packed_for_cpu(
        layer.weight.data, layer.weight.quant_state
    )
    assert layer.weight.quant_state.packing_format_for_cpu
    keep_exact(layer)
    assert not layer.support_avx512bf16_for_cpu
    assert not layer.weight.quant_state.packing_format_for_cpu
    read = storage_of(layer).read(layer, layer.weight)
    assert (read - before).norm() < 0.01 * before.norm()
