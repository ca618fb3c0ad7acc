"""The E2E NLG challenge in the columns of the hub."""

import pytest

from adalora import DataError
from experiments import tasks, texts
from experiments.config import DataConfig
from experiments.tasks import e2e
from tests.experiments.tiny import write_split

MEANING = "name[The Vaults], eatType[pub], customer rating[5 out of 5], near[Café, Adriatic]"
ROWS = [
    {"meaning_representation": MEANING, "human_reference": "The Vaults is a pub."},
    {"meaning_representation": "name[Aromi]", "human_reference": "Aromi."},
    {"meaning_representation": MEANING, "human_reference": "A pub, The Vaults."},
]


@pytest.fixture
def splits(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "require_all", lambda _: None)
    for split in ("train", "validation", "test"):
        write_split(tmp_path, split, ROWS)
    data = DataConfig(path=str(tmp_path))
    return tasks.get("e2e", data).load(data)


def test_a_meaning_is_one_line_and_each_text_a_row_to_train_on(splits):
    line = "name : The Vaults | eatType : pub | customer rating : 5 out of 5 | near : Café, Adriatic"
    assert list(splits.train["input"]) == [line, line, "name : Aromi"]
    assert list(splits.train["text"]) == ["The Vaults is a pub.", "A pub, The Vaults.", "Aromi."]


def test_a_meaning_is_one_row_with_all_texts_to_measure_on(splits):
    expected = [["The Vaults is a pub.", "A pub, The Vaults."], ["Aromi."]]
    assert list(splits.validation["references"]) == list(splits.test["test"]["references"]) == expected


def test_a_meaning_of_another_form_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "require_all", lambda _: None)
    for split in ("train", "validation", "test"):
        write_split(tmp_path, split, [{"meaning_representation": "a pub", "human_reference": "b"}])
    splits = e2e.TASK.load(DataConfig(path=str(tmp_path)))
    assert splits.train[0]["input"] == "a pub"


def test_without_a_metric_nothing_is_loaded(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pycocoevalcap.cider.cider", None)
    with pytest.raises(DataError, match="CIDEr needs the package pycocoevalcap"):
        e2e.TASK.load(DataConfig())


def test_the_headline_is_measured(monkeypatch):
    monkeypatch.setenv("PATH", "")
    scores = e2e.TASK.score(["The Vaults is a pub."], [["The Vaults is a pub.", "A pub."]])
    assert set(scores) == {"bleu", "nist", "rougeL", "cider"}
    assert scores[e2e.TASK.headline] == pytest.approx(1)
