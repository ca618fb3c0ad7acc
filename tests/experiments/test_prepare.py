"""Data as a run takes it."""

import numpy as np
import pytest
from transformers import EvalPrediction

from adalora import DataError
from experiments.prepare import prepare
from tests.experiments import tiny


def test_rows_are_cut_and_encoded(config):
    data = prepare(
        config(data={"path": config().data.path, "max_length": 5, "train_rows": 6, "eval_rows": 4})
    )
    assert len(data.train.rows) == len(data.train.features) == 6
    assert len(data.validation.rows) == 4
    assert data.classes == ("0", "1")
    assert max(map(len, data.train.features["input_ids"])) == 5


def test_the_cut_does_not_depend_on_the_seed(config):
    path = config().data.path
    texts = [
        list(prepare(config(data={"path": path, "train_rows": 6}, seed=seed)).train.rows["text"])
        for seed in (0, 1)
    ]
    assert texts[0] == texts[1]
    assert texts[0] != list(prepare(config()).train.rows["text"])[:6]


def test_rows_that_are_validation_and_test_are_encoded_once(config):
    data = prepare(config())
    assert data.test == {"validation": data.validation}
    assert data.test["validation"] is data.validation


def test_a_part_is_measured_by_the_metrics_of_the_task(config):
    data = prepare(config())
    labels = np.array(data.validation.rows["label"])
    scores = np.eye(2)[labels]
    scores[0] = scores[0][::-1]  # one of ten is wrong
    assert data.measure(data.validation, EvalPrediction(scores, labels)) == {"accuracy": 0.9}
    assert data.constant() == {"validation": {"accuracy": 0.5}}


def test_a_label_that_is_no_class_is_named(config, tmp_path):
    rows = [{"sentence": "good film", "label": label} for label in (0, 1, 2, -1)]
    for split in ("train", "validation"):
        tiny.write_split(tmp_path / "sst2", split, rows)
    settings = config(task="glue/sst2", data={"path": str(tmp_path / "sst2"), "max_length": 8})
    with pytest.raises(
        DataError, match=r"glue/sst2: column 'label' holds -1, 2; allowed: 0 to 1, for negative, positive"
    ):
        prepare(settings)


def test_inputs_that_are_no_texts_are_named(config, tmp_path):
    for split in ("train", "validation"):
        (tmp_path / f"{split}.csv").write_text("text,label\n1984,0\n2001,1\n")
    with pytest.raises(DataError, match=r"^hub:mine: column 'text' holds 1984; allowed: texts"):
        prepare(config(task="hub:mine", data={"path": str(tmp_path), "max_length": 8}))


def test_labels_that_are_names_are_named(config, tmp_path):
    for split in ("train", "validation"):
        (tmp_path / f"{split}.csv").write_text("sentence,label\na film,positive\nno film,negative\n")
    said = r"^glue/sst2: column 'label' holds 'negative', 'positive'; allowed: 0 to 1, for negative, positive"
    with pytest.raises(DataError, match=said):
        prepare(config(task="glue/sst2", data={"path": str(tmp_path), "max_length": 8}))
