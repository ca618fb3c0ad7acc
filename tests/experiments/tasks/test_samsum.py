"""SAMSum in the columns of the hub."""

import pytest

from adalora import DataError
from experiments import tasks
from experiments.config import DataConfig
from tests.experiments.tiny import write_split


def test_the_columns_of_the_hub_are_read_and_summaries_are_one_line(tmp_path):
    row = {"id": "1", "dialogue": "A: hi\r\nB: yes", "summary": "A greets.\r\nB agrees. "}
    for split in ("train", "validation", "test"):
        write_split(tmp_path, split, [row])
    data = DataConfig(path=str(tmp_path))
    splits = tasks.get("samsum", data).load(data)
    assert dict(splits.test["test"][0]) == row | {"summary": "A greets. B agrees."}


def test_the_three_numbers_of_the_paper():
    score = tasks.TASKS["samsum"].score
    assert score(["the cat sat"], ["the cat sat"]) == {"rouge1": 1, "rouge2": 1, "rougeL": 1}
    found = score(["B. A c."], ["A c. B."])
    assert found["rougeL"] == pytest.approx(2 / 3)  # of the whole text: sentences in another order cost


def test_without_the_metric_nothing_is_loaded(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(DataError, match="ROUGE needs"):
        tasks.TASKS["samsum"].load(DataConfig())
