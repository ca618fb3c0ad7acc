"""DART in the columns of the hub, as JSON of its authors and as the hub's parquet files."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments import tasks, texts
from experiments.config import DataConfig
from tests.experiments.tiny import write_split

SPLITS = ("train", "validation", "test")
TRIPLES = [["Ben Mauk", "HIGH_SCHOOL", "Kenton"], ["Ben Mauk", "COLLEGE", "Wake Forest"]]
TEXTS = ["Ben Mauk went to Kenton.", "Kenton\tand Wake Forest."]


def rows(annotations):
    return [{"tripleset": TRIPLES, "subtree_was_extended": False, "annotations": annotations}] * 2


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_nested_columns_are_read(form, tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "require_all", lambda _: None)
    for split in SPLITS:
        if form == "json":
            write_split(tmp_path, split, rows([{"source": "wiki", "text": text} for text in TEXTS]))
        else:
            table = pa.Table.from_pylist(rows({"source": ["wiki", "wiki"], "text": TEXTS}))
            pq.write_table(table, tmp_path / f"{split}.parquet")
    data = DataConfig(path=str(tmp_path))
    splits = tasks.get("dart", data).load(data)
    line = "Ben Mauk : HIGH SCHOOL : Kenton | Ben Mauk : COLLEGE : Wake Forest"
    tidy = ["Ben Mauk went to Kenton.", "Kenton and Wake Forest."]
    assert list(splits.train["input"]) == [line, line]
    assert list(splits.train["text"]) == tidy
    (row,) = splits.test["test"]
    assert row == {"input": line, "text": tidy[0], "references": tidy}


def test_its_metrics(monkeypatch):
    monkeypatch.setenv("PATH", "")
    task = tasks.TASKS["dart"]
    assert task.score(["a b c d"], [["a b c d", "e"]]) == {"bleu": pytest.approx(1), "ter": 0.0}
    assert task.headline == "bleu"
