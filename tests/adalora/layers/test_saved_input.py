"""Rounded copies of inputs."""

import gc

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora.layers.fused import linear_with_update
from adalora.layers.saved_input import _COPIES, keep, read
from adalora.updates import SVDUpdate


@given(
    seed=st.integers(0, 99),
    rows=st.integers(0, 5),
    columns=st.sampled_from([1, 7, 64, 128]),
    spread=st.sampled_from([1e-30, 1e-6, 1.0, 1e4]),
)
def test_eight_bits_are_within_half_a_step_of_every_number(seed, rows, columns, spread):
    x = spread * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    codes, scale = keep(x, "int8")
    assert codes.dtype == torch.int8
    assert scale.numel() == rows * max(columns // 32, 1)
    back = read(codes, scale, torch.float32)
    size = 32 if columns % 32 == 0 else columns
    parts = x.view(rows, columns // size, size)
    step = (parts.abs().amax(-1, keepdim=True) / 127).expand_as(parts).reshape_as(x)
    assert torch.all((back - x).abs() <= 0.52 * step)  # a scale in bfloat16 is off by 0.4 % at most


def test_a_number_that_sticks_out_spoils_its_own_part_alone():
    x = torch.randn(3, 128)
    x[0, 0] = 1000
    back = read(*keep(x, "int8"), torch.float32)
    assert (back - x)[:, 32:].abs().max() < 0.02
    assert (back - x)[0, 1:32].abs().max() > 0.5


def test_a_row_of_zeros_stays_one():
    codes, scale = keep(torch.zeros(2, 3), "int8")
    assert torch.equal(read(codes, scale, torch.float32), torch.zeros(2, 3))


def test_layers_that_read_one_input_share_one_copy_as_long_as_it_lives():
    x = torch.randn(4, 3)
    first = keep(x, "int8")
    assert keep(x, "int8")[0] is first[0]
    assert keep(x, "bf16")[0].dtype == torch.bfloat16
    x.add_(1)
    assert keep(x, "int8")[0] is not first[0], "it has changed since"
    before = len(_COPIES)
    del x
    gc.collect()
    assert len(_COPIES) == before - 1


@pytest.mark.parametrize("rows", [20, 200])
@pytest.mark.parametrize(("precision", "error"), [("bf16", 0.004), ("int8", 0.01)])
def test_only_the_gradients_of_the_right_factors_are_rounded(precision, error, rows):
    torch.manual_seed(0)
    W, x0 = torch.randn(24, 32), torch.randn(rows, 32)
    one = SVDUpdate(24, 32, 6, 0.5)
    for parameter in one.parameters():
        torch.nn.init.normal_(parameter)

    def gradients(precision):
        x = x0.clone().requires_grad_()
        out = linear_with_update(x, W, None, one.parts(), precision)
        probe = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
        return out, *torch.autograd.grad(out, [x, one.P, one.lam, one.Q], probe)

    exact, rounded = gradients("exact"), gradients(precision)
    torch.testing.assert_close(rounded[0], exact[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(rounded[1], exact[1], rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(rounded[2:], exact[2:], strict=True):
        assert (ours - theirs).norm() < error * theirs.norm()
    for exact_ones in (2, 3):  # P and lambda
        torch.testing.assert_close(rounded[exact_ones], exact[exact_ones], rtol=1e-4, atol=1e-3)
    assert (rounded[4] - exact[4]).norm() > 1e-4 * exact[4].norm()
