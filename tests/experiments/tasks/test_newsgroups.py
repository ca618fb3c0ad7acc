"""20 Newsgroups, from stand-in files and from the real package."""

from collections import Counter

import pytest

from adalora import DataError
from experiments import packages, tasks
from experiments.config import DataConfig
from experiments.tasks import newsgroups
from tests.experiments.tiny import write_newsgroups

TASK = tasks.TASKS["newsgroups"]


def test_the_files_are_kept_apart(tmp_path, monkeypatch):
    write_newsgroups(tmp_path, train=40, test=10)
    monkeypatch.setattr(packages, "roots", lambda: [tmp_path])
    monkeypatch.setattr(newsgroups, "VALIDATION", 5)
    splits = TASK.load(DataConfig())
    # One message comes twice, and one is in both files.
    assert [len(splits.train), len(splits.validation), len(splits.test["test"])] == [35, 5, 11]
    texts = [*splits.train["text"], *splits.validation["text"]]
    assert not {*texts} & {*splits.test["test"]["text"]}
    for row in splits.test["test"]:
        assert row["text"].split()[0] == splits.classes[row["label"]].split(".")[-1]


@pytest.mark.parametrize("line", ["sci.nothing\tx", "sci.med"])
def test_another_form_is_named(tmp_path, line):
    path = tmp_path / "a.tab"
    path.write_text(f"Category\tText\nd\tstring\nclass\t\n\nsci.med\tx\n{line}\n")
    with pytest.raises(DataError, match=r"a\.tab, line 6 begins with 'sci\.\w+'; allowed: .* 20 groups"):
        newsgroups.read_messages(path)


def test_the_real_rows():
    try:
        packages.find(packages.NEWSGROUPS)
    except DataError as error:
        pytest.skip(str(error))
    splits = TASK.load(DataConfig())
    assert [len(splits.train), len(splits.validation), len(splits.test["test"])] == [10_266, 1_000, 7_521]
    assert len({*splits.train["text"], *splits.validation["text"], *splits.test["test"]["text"]}) == 18_787
    for rows in (splits.train, splits.validation, splits.test["test"]):
        assert len(Counter(rows["label"])) == 20
    assert list(splits.classes) == sorted(splits.classes)
