"""Where the sum of base weight and update is formed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adalora.layers.cost import sum_is_cheaper


@pytest.mark.parametrize(
    ("rows", "d1", "d2", "expected"),
    [
        (1024, 768, 768, False),
        (1024, 384, 384, False),
        (2048, 384, 384, True),
        (4096, 768, 768, True),
        (4096, 768, 3072, False),
        (1, 64, 64, False),
        (0, 64, 64, False),
    ],
)
def test_sizes_of_the_benchmark(rows, d1, d2, expected):
    assert sum_is_cheaper(rows, d1, d2) is expected


@given(d1=st.integers(1, 5000), d2=st.integers(1, 5000))
def test_there_is_one_switch_and_it_does_not_ask_which_side_is_longer(d1, d2):
    at = 10 * d1 * d2 / (d1 + d2)
    assert not sum_is_cheaper(int(at * 0.99), d1, d2)
    assert sum_is_cheaper(int(at * 1.01) + 1, d1, d2)
    assert sum_is_cheaper(100, d1, d2) == sum_is_cheaper(100, d2, d1)
