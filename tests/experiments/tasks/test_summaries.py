"""XSum and CNN/DailyMail in the columns of the hub."""

import pytest

from adalora import DataError
from experiments import tasks
from experiments.config import DataConfig
from experiments.tasks import summaries
from tests.experiments.tiny import write_split


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("xsum", {"document": "a", "summary": "b", "id": "1"}),
        ("cnn_dailymail", {"article": "a", "highlights": "b", "id": "1"}),
    ],
)
def test_the_columns_of_the_hub_are_read(name, row, tmp_path, monkeypatch):
    monkeypatch.setattr(summaries, "require_rouge", lambda: None)
    for split in ("train", "validation", "test"):
        write_split(tmp_path, split, [row])
    data = DataConfig(path=str(tmp_path))
    splits = tasks.get(name, data).load(data)
    assert dict(splits.test["test"][0]) == row


def test_without_the_metric_nothing_is_loaded(monkeypatch):
    def missing():
        raise DataError("ROUGE needs a package")

    monkeypatch.setattr(summaries, "require_rouge", missing)
    with pytest.raises(DataError, match="ROUGE needs"):
        tasks.TASKS["xsum"].load(DataConfig())
