"""Shipped settings by their bare names."""

import pytest

from adalora import ConfigError
from experiments.commands.shipped import find, shipped


def test_bare_names_with_and_without_ending():
    assert find("recipe") == find("recipe.yaml") == shipped()["recipe"]
    assert find("paper/mnli").name == "mnli.yaml"


def test_a_file_goes_before_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text("name: mine")
    assert find("recipe.yaml").read_text() == "name: mine"
    assert find("recipe") == shipped()["recipe"]


@pytest.mark.parametrize("name", ["recpie", "configs/none.yaml", "."])
def test_a_name_that_is_neither_lists_what_is_shipped(name):
    with pytest.raises(
        ConfigError, match=f"config is '{name}'; allowed: .*adalora, lora, loveda, paper/cnn_dailymail"
    ):
        find(name)
    if name == "recpie":
        with pytest.raises(ConfigError, match="Did you mean 'recipe'"):
            find(name)
