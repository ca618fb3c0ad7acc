"""What papers print: whole, and beside ours where task and model are the same."""

from collections import Counter

import pytest

from experiments.methods import METHODS
from experiments.metrics import LOSS
from experiments.papers import all_rows, rows_for
from experiments.tasks import TASKS
from tests.experiments.reports.conftest import BASE, result


def find(table, printed, words="", model=None, task=None):
    (row,) = [
        row for row in all_rows()
        if row.source == f"Hu et al. 2021, {table}" and row.printed == printed and row.words == words
        and model in (None, row.model) and task in (None, row.task)
    ]  # fmt: skip
    return row


def test_every_table_has_all_its_rows():
    # a row of the paper is one for each task here: nine columns in Table 2, two or three tasks for GPT-3
    rows = {2: 14 * 9, 3: 12, 4: 8 * 3, 5: 7 * 2, 6: 15 * 2, 13: 11, 14: 11, 15: 30 * 2, 18: 11}
    assert Counter(row.source for row in all_rows()) == {
        f"Hu et al. 2021, Table {number}": count for number, count in rows.items()
    }


def test_methods_are_ours_or_none():
    assert {row.method for row in all_rows()} - {""} <= set(METHODS)
    assert {row.method for row in all_rows() if row.printed == "LoRA"} == {"lora"}


def test_metrics_are_those_of_our_tasks():
    found = {(row.task, name.partition("/")[0]) for row in all_rows() for name in row.numbers}
    ours = {(task.name, name) for task in TASKS.values() for name in (*task.metrics, LOSS)}
    assert found - ours == {("glue", "average")}


def test_values_in_our_units_and_with_their_own_figures():
    row = find("Table 3", "LoRA", model="GPT-2 M")
    assert (row.method, row.millions) == ("lora", "0.35")
    assert row.names == ("gpt2-medium", "openai-community/gpt2-medium")
    assert {name: one.text for name, one in row.numbers.items()} == {
        "bleu": "70.4 ± 0.1",
        "nist": "8.85 ± 0.02",
        "meteor": "46.8 ± 0.2",
        "rougeL": "71.8 ± 0.1",
        "cider": "2.53 ± 0.02",
    }
    assert row.numbers["bleu"].value == pytest.approx(0.704)
    assert row.numbers["bleu"].sd == pytest.approx(0.001)
    row = find("Table 18", "LoRA", "r = 16")
    assert (row.numbers["meteor"].text, row.numbers["loss"].text) == ("46.29", "1.16")
    assert row.numbers["meteor"].value == pytest.approx(0.4629)
    assert find("Table 5", "LoRA", "W_q, W_v, r = 4", task="wikisql").numbers[
        "logical_form"
    ].value == pytest.approx(0.737)
    assert find("Table 14", "LoRA", model="GPT-2 L").numbers["ter/seen"].text == "32"
    assert (
        find("Table 2", "LoRA", model="RoB base", task="glue/cola").numbers["matthews"].text == "63.4 ± 1.2"
    )
    assert find("Table 2", "LoRA", model="RoB base", task="glue/sst2").numbers["accuracy"].sd is None


def test_only_the_same_task_and_the_very_model_match():
    assert len(rows_for("e2e", "gpt2-medium")) == 7 + 11
    assert rows_for("e2e", "openai-community/gpt2-medium") == rows_for("e2e", "gpt2-medium")
    assert rows_for("e2e", "gpt2") == rows_for("wikisql", "GPT-3") == ()


def test_they_stand_below_ours_and_win_nothing(sweep, tables):
    swept = sweep(grid={"adapter.rank": [1, 4]}, report={"metrics": ["bleu", "cider"]})
    scores = {rank: {"bleu": 0.6 + rank / 100, "cider": 2.5} for rank in (1, 4)}
    swept.fill(lambda run: result(0.6, scores={"test": scores[run.adapter.rank]}))
    scores = tables(swept.text())[0]
    assert scores[:3] == [
        ["rank", "trained", "bleu", "cider"],
        ["1", "0.35 M", "61.0", "**2.50**"],
        ["4", "0.35 M", "**64.0**", "**2.50**"],
    ]
    assert len(scores) == 3 + 7 + 11
    assert ["Hu et al. 2021, Table 3: LoRA", "0.35 M", "70.4 ± 0.1", "2.53 ± 0.02"] in scores
    assert ["Hu et al. 2021, Table 18: LoRA, r = 1", "–", "68.72", "2.4329"] in scores


def test_they_have_a_table_of_their_own_where_settings_make_columns(sweep, tables):
    swept = sweep(grid={"adapter.rank": [1, 4]}, report={"columns": ["adapter.rank"], "metrics": ["loss"]})
    scores, printed, *_ = tables(swept.fill(lambda run: result(0.5)).text())
    assert scores == [["metric", "rank = 1", "rank = 4"], ["loss ↓", "**0.500**", "**0.500**"]]
    assert len(printed) == 1 + 11
    assert printed[1] == ["Hu et al. 2021, Table 18", "LoRA, r = 1", "e2e", "–", "loss", "1.23"]


def test_the_task_is_told_where_a_table_has_several(sweep, tables):
    swept = sweep(
        grid={"task": ["e2e", "dart"]}, report={"rows": ["task"], "labels": {"task": {"dart": "DART"}}}
    )
    scores = tables(swept.fill(lambda run: result(0.5)).text())[0]
    assert scores[:3] == [["task", "trained", "bleu"], ["e2e", "0.35 M", "50.0"], ["DART", "0.35 M", "50.0"]]
    assert ["Hu et al. 2021, Table 3, e2e: LoRA", "0.35 M", "70.4 ± 0.1"] in scores
    assert scores[-1] == ["Hu et al. 2021, Table 13, DART: LoRA", "0.35 M", "47.1 ± 0.2"]


def test_parts_are_told_apart(sweep, tables):
    base = {**BASE, "task": "webnlg", "model": "gpt2-large"}
    swept = sweep(base=base, grid={"adapter.rank": [1]}, report={"part": ["seen"], "metrics": ["bleu"]})
    scores = tables(swept.fill(lambda run: result(0.5, part="seen")).text())[0]
    assert scores[-1] == ["Hu et al. 2021, Table 14: LoRA", "0.77 M", "64.0 ± 0.3"]


@pytest.mark.parametrize("parts", [["validation", "test"], ["test", "validation"]])
def test_numbers_of_test_rows_do_not_stand_beside_others(sweep, tables, parts):
    swept = sweep(grid={"adapter.rank": [1]}, report={"part": parts, "metrics": ["bleu", "loss"]})
    swept.fill(lambda run: result(0.5))
    (row,) = [row for row in tables(swept.text())[0] if row[0].endswith("Table 18: LoRA, r = 1")]
    printed = {"test": "68.72", "validation": "–"}
    assert row == [row[0], "–", *(printed[part] for part in parts), "1.23"]


def test_nothing_is_printed_for_another_model(sweep):
    swept = sweep(base={**BASE, "model": "gpt2"}, grid={"adapter.rank": [1]}).fill(lambda run: result(0.5))
    assert "Hu et al." not in swept.text()
