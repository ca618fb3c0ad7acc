"""Ranks as a table."""

import numpy as np
import pytest

from adalora import ConfigError
from analysis import rank_table

RANKS = {
    "m.layers.0.query": 3,
    "m.layers.0.value": 1,
    "m.layers.10.query": 0,
    "m.layers.2.value": 4,
}


def test_rows_are_types_and_columns_are_layers_in_number_order():
    table = rank_table(RANKS)
    assert table.types == ("query", "value")
    assert table.layers == (0, 2, 10)
    np.testing.assert_array_equal(table.values, [[3, np.nan, 0], [1, 4, np.nan]])


def test_what_is_outside_the_layers_comes_last():
    table = rank_table({"classifier": 7, **RANKS})
    assert table.types == ("classifier", "m.query", "m.value")
    assert table.layers == (0, 2, 10, None)
    np.testing.assert_array_equal(table.values[0], [np.nan, np.nan, np.nan, 7])
    assert np.nansum(table.values) == sum(RANKS.values()) + 7


def test_nothing_to_arrange():
    with pytest.raises(ConfigError, match="ranks is empty; allowed: at least one adapted matrix"):
        rank_table({})
