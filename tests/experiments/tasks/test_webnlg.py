"""The WebNLG challenge in the columns of the hub."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adalora import DataError
from experiments import tasks, texts
from experiments.config import DataConfig
from experiments.tasks.source import read
from experiments.tasks.webnlg import RAW, RECORDS
from tests.experiments.tiny import write_split


def row(category, subject, *wanted):
    sets = {
        "mtriple_set": [[f"{subject}_Airport | cityServed | Aarhus", f'{subject}_Airport | iata | "A A"']]
    }
    lex = {"comment": ["good"] * len(wanted), "lid": ["Id1"] * len(wanted), "text": list(wanted)}
    return {"category": category, "size": 2, "modified_triple_sets": sets, "lex": lex, "test_category": ""}


TRAIN = [row("Airport", "X", "x one", "x two"), row("City", "Y", "y")]
# The hub's three files one below the other: without texts, the unseen ones, all.
TEST = [
    *(row("Airport", "A"), row("Athlete", "B")),
    row("Athlete", "B", "b one", "b two"),
    *(row("Airport", "A", "a"), row("Athlete", "B", "b one", "b two")),
]


def plain(one):
    """Return a row with lists of structures in place of structures of lists."""
    lex = one["lex"]
    words = [
        {"comment": comment, "text": text} for comment, text in zip(lex["comment"], lex["text"], strict=True)
    ]
    sets = [{"mtriple_set": triples} for triples in one["modified_triple_sets"]["mtriple_set"]]
    return {**one, "lex": words, "modified_triple_sets": sets}


def write(folder, form, **splits):
    for split, rows in splits.items():
        if form == "json":
            write_split(folder, split, [plain(one) for one in rows])
        else:
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    data = DataConfig(path=str(folder))
    return tasks.get("webnlg", data).load(data)


@pytest.fixture(autouse=True)
def _no_packages(monkeypatch):
    monkeypatch.setattr(texts, "require_all", lambda _: None)


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_categories_that_were_trained_on_are_seen(form, tmp_path):
    splits = write(tmp_path, form, train=TRAIN, validation=TRAIN, test=TEST)
    assert list(splits.train["text"]) == ["x one", "x two", "y"]
    assert splits.train[0]["input"] == 'X Airport : cityServed : Aarhus | X Airport : iata : "A A"'
    found = {part: list(rows["references"]) for part, rows in splits.test.items()}
    assert found == {"all": [["b one", "b two"], ["a"]], "seen": [["a"]], "unseen": [["b one", "b two"]]}
    assert next(iter(splits.test)) == "all"  # gives the headline


def test_a_part_without_rows_is_left_out(tmp_path):
    splits = write(tmp_path, "json", train=TRAIN, validation=TRAIN, test=[*TRAIN, row("Athlete", "B", " ")])
    assert list(splits.test) == ["all", "seen"]


def test_a_test_without_texts_is_told(tmp_path):
    with pytest.raises(DataError, match="webnlg, split 'test', has no text"):
        write(tmp_path, "parquet", train=TRAIN, validation=TRAIN, test=TEST[:2])


def test_the_folder_of_the_challenge_is_read_from_the_hub(tmp_path, monkeypatch):
    """The branch holds a folder for each data set and there one for each split, called dev in place of validation."""
    for split in ("train", "dev", "test"):
        for data_set in (RECORDS.source.folder, "release_v1"):
            (tmp_path / data_set / split).mkdir(parents=True)
            rows = TRAIN if data_set == RECORDS.source.folder else TEST
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / data_set / split / "0000.parquet")
    from experiments.tasks import source

    real = source.load_dataset
    monkeypatch.setattr(
        source, "load_dataset", lambda name, subset, revision, **where: real(str(tmp_path), subset, **where)
    )
    found = read(RECORDS.source, None, ("train", "validation", "test"), RAW)
    assert {split: len(rows) for split, rows in found.items()} == {"train": 2, "validation": 2, "test": 2}
