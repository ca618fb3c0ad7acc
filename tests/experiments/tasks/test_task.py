"""Cutting and splitting rows, the same in every run; the metrics of tasks."""

import numpy as np
import pytest
from datasets import Dataset

from adalora import ConfigError
from experiments import tasks
from experiments.config import DataConfig
from experiments.metrics import OF_CLASS
from experiments.problems import (
    ANSWERING,
    CLASSIFICATION,
    REGRESSION,
    SEGMENTATION,
    SUMMARIZING,
    WRITING,
)
from experiments.sql import Query
from experiments.sql_tables import Table
from experiments.tasks.task import cut, hold_out, require_metric
from experiments.tasks.wikisql import Case
from tests.experiments.tiny import write_split

ROWS = Dataset.from_dict({"n": list(range(100))})


def test_a_cut_is_drawn_once_and_for_all():
    first = list(cut(ROWS, 10)["n"])
    assert len(set(first)) == 10
    assert first == list(cut(ROWS, 10)["n"])
    assert first != list(range(10))
    assert cut(ROWS, None) is ROWS
    assert cut(ROWS, 100) is ROWS


def test_held_out_rows_are_apart_and_nothing_is_lost():
    train, validation, test = hold_out(ROWS, test=20, validation=5)
    assert (len(train), len(validation), len(test)) == (75, 5, 20)
    assert sorted([*train["n"], *validation["n"], *test["n"]]) == list(range(100))
    assert list(test["n"]) == list(hold_out(ROWS, test=20, validation=5)[2]["n"])


# Predictions and references as each kind of problem has them; a task whose own differ stands here by name.
ANSWERS = {
    CLASSIFICATION: ([0, 1], [0, 1]),
    REGRESSION: ([0.0, 1.0], [0.0, 1.0]),
    ANSWERING: (["a"], [["a"]]),
    SUMMARIZING: (["a b"], ["a b"]),
    WRITING: (["a b"], ["a b"]),
    SEGMENTATION: ([np.eye(7)], [None]),
    **dict.fromkeys(("e2e", "webnlg", "dart"), (["a b", "c d"], [["a b"], ["c d", "e"]])),
    "wikisql": (["SELECT col0 FROM table"], [Case(Query(0, 0), Table(("text",), (("a",),)))]),
}


@pytest.mark.parametrize("name", tasks.TASKS)
def test_a_task_names_the_numbers_that_its_score_returns(name):
    task = tasks.TASKS[name]
    found = task.score(*(ANSWERS[name] if name in ANSWERS else ANSWERS[task.problem]))
    assert sorted(found) == sorted(task.metrics)
    assert task.metrics[0] == task.headline
    assert OF_CLASS not in task.headline
    for metric in task.metrics:
        require_metric(task, metric)


@pytest.mark.parametrize(
    ("labels", "metrics"), [([0.5, 1.5], ("pearson", "spearman")), ([0, 1], ("accuracy",))]
)
def test_a_task_of_the_hub_names_its_numbers_too(tmp_path, labels, metrics):
    for split in ("train", "validation"):
        write_split(tmp_path, split, [{"text": "a", "label": label} for label in labels])
    task = tasks.get("hub:own", DataConfig(path=str(tmp_path)))
    assert task.metrics == metrics
    assert sorted(task.score(*ANSWERS[task.problem])) == sorted(metrics)


def test_a_metric_of_another_task_is_refused():
    message = r"^metric of glue/mrpc is 'acuracy'; allowed: accuracy, f1\. Did you mean 'accuracy'\?$"
    with pytest.raises(ConfigError, match=message):
        require_metric(tasks.TASKS["glue/mrpc"], "acuracy")
    with pytest.raises(ConfigError, match=r"^metric of stsb is 'bleu'; allowed: pearson, spearman"):
        require_metric(tasks.TASKS["stsb"], "bleu")
