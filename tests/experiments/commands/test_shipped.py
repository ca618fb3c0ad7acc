"""Shipped settings by their bare names."""

import pytest

from adalora import ConfigError
from experiments.commands.shipped import find, shipped


def test_bare_names_with_and_without_ending():
    assert find("demo") == find("demo.yaml") == shipped()["demo"]
    assert find("paper/mnli").name == "mnli.yaml"


def test_a_file_goes_before_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo.yaml").write_text("name: mine")
    assert find("demo.yaml").read_text() == "name: mine"
    assert find("demo") == shipped()["demo"]


@pytest.mark.parametrize("name", ["deom", "configs/none.yaml", "."])
def test_a_name_that_is_neither_lists_what_is_shipped(name):
    with pytest.raises(
        ConfigError, match=f"config is '{name}'; allowed: .*adalora, demo, lora, loveda, paper/cnn_dailymail"
    ):
        find(name)
    if name == "deom":
        with pytest.raises(ConfigError, match="Did you mean 'demo'"):
            find(name)
