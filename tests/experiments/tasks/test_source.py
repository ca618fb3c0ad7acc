"""Local folders in place of the hub."""

import pytest
from datasets import Dataset, DatasetDict

from adalora import DataError
from experiments.problems import Columns
from experiments.tasks.source import Source, read
from tests.experiments.tiny import write_split

COLUMNS = Columns(("text",), "label")
ROWS = [{"text": "a", "label": 0}, {"text": "b", "label": 1}]
NOWHERE = Source("nobody/nothing")


def test_an_empty_split_is_named_whatever_the_file(tmp_path):
    write_split(tmp_path, "train", ROWS)
    Dataset.from_list(ROWS).select([]).to_parquet(tmp_path / "validation.parquet")
    with pytest.raises(DataError, match=r"validation\.parquet cannot be read as parquet: .* no data"):
        read(NOWHERE, str(tmp_path), ("train", "validation"), COLUMNS)


@pytest.mark.parametrize("count", [0, 2])
def test_an_empty_split_of_the_hub_is_named(monkeypatch, count):
    rows = Dataset.from_list(ROWS).select(range(count))
    monkeypatch.setattr("experiments.tasks.source.load_dataset", lambda *args, **named: {"train": rows})
    if count:
        assert list(read(Source("x/y"), None, ["train"], COLUMNS)["train"]) == ROWS
    else:
        with pytest.raises(DataError, match=r"^x/y, split 'train' has no rows"):
            read(Source("x/y"), None, ["train"], COLUMNS)


def test_rows_with_gaps_are_left_out_where_the_hub_is_known_to_have_some(monkeypatch, tmp_path):
    rows = [{"text": "a", "label": "x"}, {"text": None, "label": "y"}, {"text": "", "label": "z"}]
    found = {"train": Dataset.from_list(rows)}
    monkeypatch.setattr("experiments.tasks.source.load_dataset", lambda *args, **named: found)
    assert list(read(Source("x/y", gaps=True), None, ["train"], COLUMNS)["train"]) == rows[:1]
    with pytest.raises(DataError, match="has 1 empty cells"):
        read(Source("x/y"), None, ["train"], COLUMNS)


def test_rows_with_gaps_in_a_folder_are_told(tmp_path):
    write_split(tmp_path, "train", [*ROWS, {"text": None, "label": 1}])
    with pytest.raises(DataError, match="has 1 empty cells"):
        read(Source("x/y", gaps=True), str(tmp_path), ["train"], COLUMNS)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "disk"])
def test_every_kind_of_folder_reads_alike(tmp_path, kind):
    rows = Dataset.from_list(ROWS)
    if kind == "disk":
        DatasetDict({"train": rows, "validation_matched": rows}).save_to_disk(tmp_path)
    else:
        for split in ("train", "validation_matched"):
            getattr(rows, f"to_{kind}")(tmp_path / f"{split}.{kind}")
    found = read(NOWHERE, str(tmp_path), ("train", "validation_matched"), COLUMNS)
    assert {split: list(part) for split, part in found.items()} == {"train": ROWS, "validation_matched": ROWS}


def test_splits_of_like_names_are_not_mixed(tmp_path):
    write_split(tmp_path, "train", ROWS)
    write_split(tmp_path, "validation_matched", ROWS[:1])
    write_split(tmp_path, "validation_mismatched", ROWS[1:])
    found = read(NOWHERE, str(tmp_path), ("validation_matched", "validation_mismatched"), COLUMNS)
    assert [list(part["label"]) for part in found.values()] == [[0], [1]]


def test_a_missing_split_or_column_is_named(tmp_path):
    write_split(tmp_path, "train", ROWS)
    with pytest.raises(DataError, match=r"has no split 'trains'; it has: train. Did you mean 'train'"):
        read(NOWHERE, str(tmp_path), ("trains",), COLUMNS)
    with pytest.raises(DataError, match="split 'train', has no column 'labels'; it has: text, label"):
        read(NOWHERE, str(tmp_path), ("train",), Columns(("text",), "labels"))


def test_a_folder_without_data_and_a_hub_out_of_reach(tmp_path):
    with pytest.raises(DataError, match=r"data.path is .* which holds no split"):
        read(NOWHERE, str(tmp_path), ("train",), COLUMNS)
    with pytest.raises(DataError, match="'nobody/nothing' could not be read from the hub"):
        read(NOWHERE, None, ("train",), COLUMNS)


@pytest.mark.parametrize(
    ("name", "text"), [("train.jsonl", '{"text": '), ("train.csv", ""), ("train.parquet", "no")]
)
def test_a_damaged_split_is_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=rf"{name} cannot be read as .*Mend the file"):
        read(Source("x/y"), str(tmp_path), ["train"], COLUMNS)


def test_empty_cells_are_counted(tmp_path):
    write_split(tmp_path, "train", [{"text": "a", "label": 0}, {"text": None, "label": 1}])
    with pytest.raises(DataError, match="column 'text' has 1 empty cells"):
        read(Source("x/y"), str(tmp_path), ["train"], COLUMNS)


def test_words_for_nothing_are_texts_and_nothing_is_not(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\nNone,null\nNA,nan\n")
    found = read(NOWHERE, str(tmp_path), ["train"], COLUMNS)["train"]
    assert list(found) == [{"text": "None", "label": "null"}, {"text": "NA", "label": "nan"}]
    (tmp_path / "train.csv").write_text("text,label\na,1\n,0\nb,0\n")
    with pytest.raises(DataError, match="column 'text' has 1 empty cells"):
        read(NOWHERE, str(tmp_path), ["train"], COLUMNS)


def test_a_split_without_rows_is_named(tmp_path):
    rows = Dataset.from_list(ROWS)
    DatasetDict({"train": rows, "validation": rows.select([])}).save_to_disk(tmp_path / "disk")
    with pytest.raises(DataError, match="disk has a split without rows; give it some, or leave it out"):
        read(NOWHERE, str(tmp_path / "disk"), ("train", "validation"), COLUMNS)
    write_split(tmp_path, "train", ROWS)
    (tmp_path / "validation.csv").write_text("text,label\n")
    with pytest.raises(DataError, match=r"validation\.csv cannot be read as csv: .* no data"):
        read(NOWHERE, str(tmp_path), ("train", "validation"), COLUMNS)
