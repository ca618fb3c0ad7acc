"""The budget as it was kept."""

import pytest

from adalora import ConfigError
from analysis.pictures.totals import kept_totals


def test_sums(history):
    assert kept_totals(history) == [24, 20, 16, 12]


def test_empty():
    with pytest.raises(ConfigError, match="history is empty; allowed: the history of a controller"):
        kept_totals([])
