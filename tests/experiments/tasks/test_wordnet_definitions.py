"""Definitions to be written."""

import pytest

from adalora import DataError
from experiments import packages, tasks
from experiments.config import DataConfig

TASK = tasks.TASKS["wordnet_definitions"]


def test_scores_of_the_right_and_the_wrong_text():
    same = TASK.score(["a large dog that barks", "a cat"], ["a large dog that barks", "a cat"])
    assert same["chrf"] == pytest.approx(1)
    assert same["bleu"] == pytest.approx(1)
    assert same["rouge1"] == 1
    other = TASK.score(["a large dog", "x"], ["a large dog that barks", "a cat"])
    assert 0 < other["chrf"] < 1
    assert TASK.headline in same


@pytest.mark.parametrize("missing", ["sacrebleu.metrics", "rouge_score.rouge_scorer"])
def test_a_missing_metric_is_told_before_the_training(monkeypatch, missing):
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(DataError, match=r"install it with the extra \"metrics\""):
        TASK.load(DataConfig())


def test_the_real_rows():
    try:
        packages.find(packages.WORDNET)
    except DataError as error:
        pytest.skip(str(error))
    splits = TASK.load(DataConfig())
    assert [len(rows) for rows in (splits.train, splits.validation, splits.test["test"])] == [
        81_192,
        500,
        500,
    ]
    assert "_" not in "".join(splits.test["test"]["word"])
