"""How factors start."""

import typing

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adalora import AdapterConfig
from adalora.updates.start import RANDOM, SPECTRAL, fill_, singular_part


def test_the_settings_and_the_tables_name_the_same_starts():
    allowed = typing.get_args(typing.get_type_hints(AdapterConfig)["init"])
    assert set(allowed) == {*RANDOM, *SPECTRAL}


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_a_start_depends_on_the_generator_alone(name):
    def start():
        torch.manual_seed(3)
        factor = torch.zeros(2, 3, 5)
        fill_(name, factor)
        return factor

    one = start()
    assert torch.equal(one, start())
    assert torch.all(one != 0)
    assert not torch.equal(one[0], one[1])


def test_the_spread_of_each_start():
    factor = torch.empty(200, 500)
    fill_("gaussian", factor)
    assert abs(factor.std().item() - 0.02) < 1e-3
    fill_("kaiming", factor)
    assert factor.abs().max() <= 500**-0.5
    assert abs(factor.std().item() - (3 * 500) ** -0.5) < 1e-3
    fill_("orthogonal", factor)
    torch.testing.assert_close(factor @ factor.T, torch.eye(200), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", sorted(RANDOM))
@pytest.mark.parametrize("still", [0, 2, 4])
def test_a_still_column_is_zero_and_the_others_start_as_without_it(name, still):
    torch.manual_seed(1)
    factor = torch.empty(3, 5)
    fill_(name, factor, still)
    torch.manual_seed(1)
    rest = torch.empty(3, 4)
    fill_(name, rest)
    assert torch.count_nonzero(factor[:, still]) == 0
    assert torch.equal(factor[:, [i for i in range(5) if i != still]], rest)


@given(
    seed=st.integers(0, 99), d1=st.integers(2, 7), d2=st.integers(3, 7), still=st.sampled_from([None, 0, 2])
)
def test_both_ends_of_the_spectrum_sum_to_the_matrix(seed, d1, d2, still):
    W = torch.randn(d1, d2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    full = min(d1, d2 - (still is not None))
    rank = full // 2
    parts = [(rank, "pissa"), (full - rank, "milora")]
    product = sum(
        U * sigma @ Vh for r, init in parts if r for U, sigma, Vh in [singular_part(W, r, init, still)]
    )
    if still is not None:
        assert torch.count_nonzero(product[:, still]) == 0
        W[:, still] = 0
    torch.testing.assert_close(product, W, rtol=0, atol=1e-12)


def test_the_largest_and_the_smallest_singular_values_are_taken():
    W = torch.diag(torch.tensor([5.0, 4.0, 3.0, 2.0]))
    assert singular_part(W, 2, "pissa")[1].tolist() == [5, 4]
    assert singular_part(W, 2, "milora")[1].tolist() == [3, 2]
    assert singular_part(W.bfloat16(), 2, "pissa")[0].dtype == torch.float32
    assert singular_part(torch.stack([W, 2 * W]), 1, "pissa")[1].tolist() == [[5], [10]]
