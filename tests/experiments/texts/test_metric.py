"""Optional packages, asked for by name."""

import pytest

from adalora import DataError
from experiments.texts.metric import require_package


def test_a_package_that_is_there_is_returned():
    assert require_package("json", "json", "Nothing").loads("1") == 1


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "json", None)
    with pytest.raises(
        DataError, match=r'^X needs the package y; .*"metrics": python -m pip install "adalora\[m'
    ):
        require_package("json", "y", "X")
