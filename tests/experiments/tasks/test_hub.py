"""Data sets of the user's own."""

import pytest
from datasets import ClassLabel, Dataset, DatasetDict

from adalora import ConfigError, DataError
from experiments import tasks
from experiments.config import DataConfig
from experiments.problems import CLASSIFICATION, REGRESSION
from tests.experiments.tiny import write_split


def load(tmp_path, labels, **settings):
    rows = [{"text": f"text {i}", "label": label} for i, label in enumerate(labels)]
    write_split(tmp_path, "train", rows)
    write_split(tmp_path, "validation", rows[:2])
    data = DataConfig(path=str(tmp_path), **settings)
    task = tasks.get("hub:mine", data)
    return task, task.load(data)


def test_whole_numbers_are_classes(tmp_path):
    task, splits = load(tmp_path, [0, 1, 2, 1])
    assert (task.problem, task.headline) == (CLASSIFICATION, "accuracy")
    assert splits.classes == ("0", "1", "2")
    assert list(splits.train["label"]) == [0, 1, 2, 1]


def test_names_and_numbers_with_gaps_are_numbered(tmp_path):
    _, splits = load(tmp_path / "names", ["red", "blue", "red"])
    assert splits.classes == ("blue", "red")
    assert list(splits.train["label"]) == [1, 0, 1]
    _, splits = load(tmp_path / "gaps", [7, 3, 7])
    assert splits.classes == ("3", "7")
    assert list(splits.train["label"]) == [1, 0, 1]


def test_names_that_the_data_set_knows_are_kept(tmp_path):
    rows = Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]})
    rows = rows.cast_column("label", ClassLabel(names=["no", "yes"]))
    DatasetDict({"train": rows, "validation": rows}).save_to_disk(tmp_path)
    data = DataConfig(path=str(tmp_path))
    assert tasks.get("hub:mine", data).load(data).classes == ("no", "yes")


def test_numbers_with_a_point_are_a_regression(tmp_path):
    task, splits = load(tmp_path, [0.5, 1.0])
    assert (task.problem, task.headline) == (REGRESSION, "pearson")
    assert splits.classes == ()


def test_columns_and_splits_have_the_names_of_the_settings(tmp_path):
    rows = [{"question": "a", "reply": "b", "fits": 1}, {"question": "c", "reply": "d", "fits": 0}]
    write_split(tmp_path, "fit", rows)
    write_split(tmp_path, "held", rows[:1])
    data = DataConfig(
        path=str(tmp_path),
        text_columns=["question", "reply"],
        label_column="fits",
        train_split="fit",
        eval_split="held",
    )
    task = tasks.get("hub:mine", data)
    assert task.columns.inputs == ("question", "reply")
    assert {name: len(rows) for name, rows in task.load(data).test.items()} == {"held": 1}


def test_labels_of_another_kind_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"data.label_column is 'label', which holds"):
        load(tmp_path, [[1, 2], [3]])


@pytest.mark.parametrize(
    ("train", "held", "kinds"),
    [
        (["a", "b"], [0, 1], "whole numbers and names"),
        ([0, 1], [0.5, 1.0], "whole numbers and numbers with a point"),
    ],
)
def test_labels_of_two_kinds_are_refused(tmp_path, train, held, kinds):
    write_split(tmp_path, "train", [{"text": "x", "label": label} for label in train])
    write_split(tmp_path, "validation", [{"text": "x", "label": label} for label in held])
    data = DataConfig(path=str(tmp_path))
    with pytest.raises(DataError, match=f"'label', which holds {kinds}; allowed: one kind in both splits"):
        tasks.get("hub:mine", data).load(data)


def test_classes_in_another_order_are_refused(tmp_path):
    rows = Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]})
    parts = {
        split: rows.cast_column("label", ClassLabel(names=names))
        for split, names in (("train", ["pos", "neg"]), ("validation", ["neg", "pos"]))
    }
    DatasetDict(parts).save_to_disk(tmp_path)
    data = DataConfig(path=str(tmp_path))
    said = (
        r"classes are pos, neg in split 'train' and neg, pos in split 'validation'; allowed: the same names"
    )
    with pytest.raises(DataError, match=said):
        tasks.get("hub:mine", data).load(data)


def test_a_name_and_a_label_column_of_its_own_are_asked_for(tmp_path):
    with pytest.raises(ConfigError, match="task is 'hub:'; allowed: hub:NAME"):
        tasks.get("hub:", DataConfig(path=str(tmp_path)))
    with pytest.raises(
        ConfigError, match=r"data.label_column is 'text'; allowed: a column that is not one of"
    ):
        tasks.get("hub:mine", DataConfig(path=str(tmp_path), label_column="text"))
