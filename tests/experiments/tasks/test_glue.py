"""GLUE's columns, classes and metrics; the rows here are made up."""

import pytest

from experiments import tasks
from experiments.config import DataConfig
from experiments.problems import CLASSIFICATION, REGRESSION
from tests.experiments.tiny import write_split

# What the data sets on the hub hold.
COLUMNS = {
    "cola": (("sentence",), 2, "matthews"),
    "mnli": (("premise", "hypothesis"), 3, "accuracy"),
    "mrpc": (("sentence1", "sentence2"), 2, "accuracy"),
    "qnli": (("question", "sentence"), 2, "accuracy"),
    "qqp": (("question1", "question2"), 2, "accuracy"),
    "rte": (("sentence1", "sentence2"), 2, "accuracy"),
    "sst2": (("sentence",), 2, "accuracy"),
    "stsb": (("sentence1", "sentence2"), 0, "pearson"),
    "wnli": (("sentence1", "sentence2"), 2, "accuracy"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_task_reads_its_columns(name, tmp_path):
    columns, classes, headline = COLUMNS[name]
    row = {**dict.fromkeys(columns, "a"), "label": 1 if classes else 2.5, "idx": 0}
    for split in ("train", "validation", "validation_matched", "validation_mismatched"):
        write_split(tmp_path, split, [row])
    data = DataConfig(path=str(tmp_path))
    task = tasks.get(f"glue/{name}", data)
    splits = task.load(data)
    assert len(splits.classes) == classes
    assert task.problem is (CLASSIFICATION if classes else REGRESSION)
    assert headline == task.headline
    assert headline in task.score([1, 0], [1, 0])
    wanted = {"validation_matched", "validation_mismatched"} if name == "mnli" else {"validation"}
    assert set(splits.test) == wanted
    assert splits.validation is next(iter(splits.test.values()))
    assert not task.held_out
