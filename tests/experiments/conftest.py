"""Tiny models and data sets as folders."""

import pytest

from tests.experiments import tiny, tiny_sam


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    """Keep what `datasets` converts out of the user's folder."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    tiny.save_bert(folder)
    return folder


@pytest.fixture(scope="session")
def deberta(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deberta")
    tiny.save_deberta(folder)
    return folder


@pytest.fixture(scope="session")
def bart(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bart")
    tiny.save_bart(folder)
    return folder


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    tiny.save_gpt2(folder)
    return folder


@pytest.fixture(scope="session")
def sam(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sam")
    tiny_sam.save(folder)
    return folder


@pytest.fixture
def opinions(tmp_path):
    return tiny.write_opinions(tmp_path / "opinions")


@pytest.fixture
def config(bert, opinions, tmp_path):
    """Return a maker of settings: fields given replace those of a small run."""

    def make(**changes):
        return tiny.config(bert, opinions, tmp_path / "runs", **changes)

    return make


@pytest.fixture
def untouched():
    """Return a function that tells all files below some folders, with their times."""

    def look(*folders):
        return [
            (path, path.stat().st_mtime_ns)
            for folder in folders
            for path in sorted(folder.rglob("*"))
            if "cache" not in path.parts
        ]

    return look
