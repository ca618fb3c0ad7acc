"""SQuAD 2.0 in the columns of the hub."""

from experiments import tasks
from experiments.config import DataConfig
from tests.experiments.tiny import write_split


def test_the_columns_of_the_hub_are_read(tmp_path):
    answers = {"text": ["b"], "answer_start": [2]}
    row = {"id": "1", "title": "t", "question": "who ?", "context": "a b", "answers": answers}
    for split in ("train", "validation"):
        write_split(tmp_path, split, [row])
    data = DataConfig(path=str(tmp_path))
    task = tasks.get("squad_v2", data)
    splits = task.load(data)
    assert (splits.test["validation"] is splits.validation) != task.held_out
    assert splits.train[0]["answers"] == answers
    assert task.score(["b"], [["b"]]) == {"f1": 1.0, "exact_match": 1.0}
    assert task.headline == "f1"
