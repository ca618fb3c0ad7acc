"""Definitions of nouns, from stand-in lines and from the real file."""

import pytest

from adalora import DataError
from experiments import packages, tasks
from experiments.config import DataConfig
from experiments.tasks.wordnet24 import FIELDS

LINES = """  1 This software and database is being provided to you
00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 | that which is perceived
00002452 28 n 01 time 0 001 @ 00001740 n 0000 | the continuum; from past to future; "time flies"; "it is time"
02084071 05 n 02 dog 0 domestic_dog 0 001 @ 02083346 n 0000 | a member of the genus Canis
07535010 16 n 01 motive 0 001 @ 00001740 n 0000 | a reason
"""


def test_definitions_come_without_examples_and_small_fields_are_left_out(tmp_path, monkeypatch):
    path = tmp_path / "data.noun"
    path.write_text(LINES * 2000)
    monkeypatch.setattr(packages, "find", lambda package: path)
    splits = tasks.TASKS["wordnet24"].load(DataConfig())
    rows = {*zip(splits.train["text"], splits.train["label"], strict=True)}
    assert {(text, splits.classes[label]) for text, label in rows} == {
        ("the continuum; from past to future", "time"),
        ("a member of the genus Canis", "animal"),
    }


def test_there_are_24_fields_each_once():
    assert len(FIELDS) == len(set(FIELDS.values())) == 24


def test_the_real_rows():
    try:
        packages.find(packages.WORDNET)
    except DataError as error:
        pytest.skip(str(error))
    splits = tasks.TASKS["wordnet24"].load(DataConfig())
    test = splits.test["test"]
    assert len(splits.train) + len(splits.validation) + len(test) == 82_099
    assert (len(splits.validation), len(test)) == (1000, 2000)
    assert set(splits.train["label"]) == set(range(24)) == set(test["label"])
    train, held = (
        {*zip(rows["text"], rows["label"], strict=True)} for rows in (splits.train, splits.validation)
    )
    again = [row in train for row in zip(test["text"], test["label"], strict=True)]
    assert (sum(again), len(held & train)) == (25, 15)  # as docs/experiments.md says
    assert '"' not in "".join(text[:1] for text in test["text"])
