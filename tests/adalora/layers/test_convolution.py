"""Convolutions; the contract test runs them against torch's own."""

import pytest
import torch
from torch import nn

import adalora
from adalora import AdapterConfig
from adalora.layers.convolution import CONVOLUTIONS, Convolution

KIND = Convolution()


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_the_matrix_has_a_row_for_each_filter(layer):
    base = layer(6, 4, 3, groups=2)
    dimensions = base.weight.dim() - 2
    assert KIND.shape(base) == (4, 3 * 3**dimensions)
    matrix = KIND.matrix(base, base.weight)
    assert torch.equal(matrix[1], base.weight[1].flatten())
    assert torch.equal(KIND.arrange(base, matrix), base.weight)
    assert KIND.channels(base) == -dimensions - 1


@pytest.mark.parametrize(("groups", "rank"), [(2, 3), (4, 3), (8, 1)])
def test_the_rank_need_not_divide_by_the_groups(groups, rank):
    """Every group has all r filters: ΔW has rank r as a matrix of out × in/groups · kernel."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(8, 8, (1, 3), groups=groups)).double()
    adalora.inject(model, AdapterConfig(rank=rank, target_modules=["0"], update="lora"))
    nn.init.normal_(model[0].update.B)
    x = torch.randn(2, 8, 4, 5, dtype=torch.float64)
    delta = model[0].delta_weight()
    assert torch.linalg.matrix_rank(delta.flatten(1)) == rank
    base = model[0].base
    expected = nn.functional.conv2d(x, base.weight + delta, base.bias, groups=groups)
    torch.testing.assert_close(model(x), expected)


def test_a_rank_above_what_a_group_holds_is_refused():
    model = nn.Sequential(nn.Conv2d(8, 8, (1, 3), groups=8))
    message = r"rank is 4; allowed for '0' of shape \(8, 3\) \(its 8 groups share the filters, .*\): 1 to 3"
    with pytest.raises(adalora.TargetError, match=message):
        adalora.inject(model, AdapterConfig(rank=4, target_modules=["0"]))
    assert type(model[0]) is nn.Conv2d
