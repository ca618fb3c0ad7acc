"""Pairs of sentences, from stand-in lines and from the real package."""

import pytest

from adalora import DataError
from experiments import packages, tasks
from experiments.config import DataConfig
from experiments.tasks.stsb import read_pairs


def test_raw_tabs_and_quotation_marks(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text(
        'news\tx\t2012\t1\t3.200\t"A cat" sat.\tA "dog\nnews\tx\t2012\t2\t0.0\ta\tb\tsource\tother\n'
    )
    rows = list(read_pairs(path))
    assert rows == [
        {"sentence1": '"A cat" sat.', "sentence2": 'A "dog', "label": 3.2},
        {"sentence1": "a", "sentence2": "b", "label": 0.0},
    ]


def test_the_real_rows():
    try:
        packages.find(packages.STS_B)
    except DataError as error:
        pytest.skip(str(error))
    splits = tasks.TASKS["stsb"].load(DataConfig())
    assert [len(splits.train), len(splits.validation), len(splits.test["test"])] == [5749, 1500, 1379]
    assert min(splits.train["label"]) == 0.0
    assert max(splits.train["label"]) == 5.0
