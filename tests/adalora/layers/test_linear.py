"""Linear layers; the contract test runs them against torch's own."""

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from adalora.layers.linear import Linear, Transposed


@pytest.mark.parametrize(("kind", "base"), [(Linear(), nn.Linear(5, 4)), (Transposed(), Conv1D(4, 5))])
def test_a_product_acts_as_its_dense_matrix_does(kind, base):
    assert kind.linear
    assert kind.shape(base) == (4, 5)
    left, right, x = torch.randn(4, 2), torch.randn(2, 5), torch.randn(3, 1, 5)
    bias = base.bias.detach().clone()
    base.weight.data = kind.arrange(base, left @ right).contiguous()
    assert torch.equal(kind.matrix(base, base.weight), left @ right)
    torch.testing.assert_close(kind.apply(base, left, right, 0.0, x), base(x) - bias, rtol=1e-5, atol=1e-5)


def test_dropout_is_on_the_input():
    left, right, x = torch.eye(3), torch.eye(3), torch.ones(1000, 3)
    out = Linear().apply(nn.Linear(3, 3), left, right, 0.25, x)
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert 0.2 < (out == 0).double().mean() < 0.3
