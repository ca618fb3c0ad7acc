"""The version is that of the distribution."""

import tomllib
from pathlib import Path

import adalora


def test_it_is_what_pyproject_says():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert adalora.__version__ == project["version"]
