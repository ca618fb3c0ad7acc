"""YAML files of settings."""

import pytest

from adalora import ConfigError
from experiments.mappings import flatten, read_mapping


def test_nested_settings_by_their_full_names(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("seed: 1\nadapter:\n  rank: 4\n  target_modules: [query]\n")
    assert flatten(read_mapping(path)) == {"seed": 1, "adapter.rank": 4, "adapter.target_modules": ["query"]}


def test_what_holds_no_settings_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read as YAML"):
        read_mapping(tmp_path / "none.yaml")
    path = tmp_path / "list.yaml"
    path.write_text("- a\n")
    with pytest.raises(
        ConfigError, match=r"list\.yaml holds \['a'\]; allowed: settings, one NAME: VALUE a line"
    ):
        read_mapping(path)
