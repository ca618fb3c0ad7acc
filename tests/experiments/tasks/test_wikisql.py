"""WikiSQL in the columns of the hub."""

import pytest
from datasets import Dataset, DatasetDict

from adalora import DataError
from experiments import tasks
from experiments.config import DataConfig
from experiments.problems import Part
from experiments.sql import Condition, Query
from experiments.tasks.wikisql import COLUMNS, Case, read_query
from tests.experiments.tiny import write_split

TASK = tasks.TASKS["wikisql"]
TABLE = {
    "header": ["Player", "No.", "Player"],
    "page_title": "Reds",
    "types": ["text", "real", "text"],
    "id": "1-2",
    "section_title": "",
    "caption": "",
    "rows": [["Ann", "20", "x"], ["Bo", "5", "y"], ["Cy", "7", "y"]],
    "name": "table_1_2",
}
NAMES = ("column_index", "operator_index", "condition")


def row(sel=0, agg=0, conds=(), **changes):
    """Return a row as the hub has it; ``conds`` are triples."""
    conditions = {name: [one[i] for one in conds] for i, name in enumerate(NAMES)}
    sql = {"human_readable": "SELECT …", "sel": sel, "agg": agg, "conds": conditions}
    return {"phase": 1, "question": "who  is\nit ?", "table": TABLE, "sql": sql} | changes


def load(folder, rows):
    for split in ("train", "validation", "test"):
        write_split(folder, split, rows)
    data = DataConfig(path=str(folder))
    return tasks.get("wikisql", data).load(data)


def cases(splits):
    rows = splits.test["test"]
    return TASK.problem.references(Part(rows, COLUMNS, rows))


def test_the_columns_of_the_hub_are_read(tmp_path):
    splits = load(tmp_path, [row(0, 3, [(1, 1, "5"), (2, 0, "it's")]), row()])
    first, second = splits.test["test"]
    assert first["prompt"] == "who is it ? | col0 Player (text) | col1 No. (real) | col2 Player (text)"
    assert first["query"] == "SELECT COUNT(col0) FROM table WHERE col1 > '5' AND col2 = 'it''s'"
    assert second["query"] == "SELECT col0 FROM table"
    wanted = cases(splits)[0]
    assert wanted.query == Query(0, 3, (Condition(1, 1, "5"), Condition(2, 0, "it's")))
    assert wanted.table.rows[1] == ("Bo", "5", "y")


@pytest.mark.parametrize("kind", ["parquet", "disk"])
def test_other_files_read_alike(tmp_path, kind):
    rows = Dataset.from_list([row(1, 1, [(2, 0, "y")])])
    if kind == "disk":
        DatasetDict(dict.fromkeys(("train", "validation", "test"), rows)).save_to_disk(tmp_path)
    else:
        for split in ("train", "validation", "test"):
            rows.to_parquet(tmp_path / f"{split}.parquet")
    data = DataConfig(path=str(tmp_path))
    assert TASK.load(data).train[0]["query"] == "SELECT MAX(col1) FROM table WHERE col2 = 'y'"


def test_conditions_may_be_a_list_of_records():
    conds = [dict(zip(NAMES, (1, 0, 5), strict=True))]
    assert read_query({"sel": 0, "agg": 0, "conds": conds}) == Query(0, 0, (Condition(1, 0, "5"),))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (row(3), "not there"),
        (row(0, 6), "not there"),
        (row(0, 0, [(0, 3, "a")]), "not there"),
        (row(0, 0, [(-1, 0, "a")]), "not there"),
        (row(sql={"sel": 0, "agg": 0}), "no 'conds'"),
        (row(table={"header": ["a"], "types": ["text"]}), "no 'rows'"),
        (row(table=TABLE | {"types": ["text"]}), "not of one width"),
    ],
)
def test_a_row_of_another_form_is_named(tmp_path, wrong, message):
    with pytest.raises(DataError, match=rf"split 'train', row 0: .*{message}.*; allowed: question, table"):
        load(tmp_path, [wrong])


def score(tmp_path, written, *wanted):
    return TASK.score([written], cases(load(tmp_path, [row(*wanted)])))


@pytest.mark.parametrize(
    ("written", "logical", "execution"),
    [
        ("SELECT col0 FROM table WHERE col1 < '10' AND col2 = 'y'", 1, 1),
        ("SELECT col0 FROM table WHERE col2 = 'Y' AND col1 < '10'", 1, 1),  # another order, a capital
        ("SELECT col0 FROM table WHERE col2 = 'y'", 0, 1),  # another query that finds the same
        ("SELECT col0 FROM table WHERE col1 < '10.0' AND col2 = 'y'", 0, 1),
        ("SELECT col0 FROM table", 0, 0),
        ("SELECT col2 FROM table WHERE col2 = 'y'", 0, 0),
        ("SELECT COUNT(col0) FROM table WHERE col2 = 'y'", 0, 0),
        ("SELECT col9 FROM table", 0, 0),
        ("SELECT col0 FROM table WHERE col2 = 'y'; DROP TABLE rows", 0, 0),
        ("'; DROP TABLE rows; --", 0, 0),
        ("", 0, 0),
    ],
)
def test_both_accuracies(tmp_path, written, logical, execution):
    found = score(tmp_path, written, 0, 0, [(1, 2, "10"), (2, 0, "y")])
    assert found == {"logical_form": logical, "execution": execution}


def test_a_right_query_that_cannot_be_run_is_right_and_nothing_else_is(tmp_path):
    wanted = (0, 0, [(1, 0, "many")])
    assert score(tmp_path, "SELECT col0 FROM table WHERE col1 = 'many'", *wanted)["execution"] == 1
    assert score(tmp_path, "SELECT col0 FROM table WHERE col1 = 'few'", *wanted)["execution"] == 0


def test_the_shares_are_of_all_rows(tmp_path):
    found = cases(load(tmp_path, [row(0), row(1), row(2), row(0, 3)]))
    assert all(isinstance(case, Case) for case in found)
    written = ["SELECT col0 FROM table", "SELECT col0 FROM table", "", "SELECT COUNT(col1) FROM table"]
    assert TASK.score(written, found) == {"logical_form": 0.25, "execution": 0.5}
    part = Part([1, 2], COLUMNS, None)
    assert TASK.problem.constant(part) == ["SELECT col0 FROM table"] * 2
