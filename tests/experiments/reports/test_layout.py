"""What stands behind ``report`` in a sweep's file."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from adalora import ConfigError
from experiments.commands import shipped
from experiments.reports.layout import Layout, read_layout
from experiments.sweeps.plan import read_plan


def test_nothing_is_a_layout():
    assert read_layout({}) == Layout()


def test_values_are_labelled_however_they_are_spaced():
    layout = read_layout(
        {"labels": {"adapter.target_modules": {"[query,  key]": "W_q, W_k"}, "adapter.rank": {4: "r=4"}}}
    )
    assert layout.labels["adapter.target_modules"] == {"[query, key]": "W_q, W_k"}
    assert layout.labels["adapter.rank"] == {"4": "r=4"}


def test_a_part_may_be_one_or_several():
    assert read_layout({"part": "validation"}).part == ("validation",)
    assert read_layout({"part": ["unseen", "seen"]}).part == ("unseen", "seen")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"row": []}, r"^report: row is nothing that a report has; allowed: title, .* Did you mean 'rows'"),
        ({"rows": "task"}, r"^report: rows is 'task'; allowed: a list of names"),
        ({"metrics": ["loss", "loss"]}, r"^report: metrics is \['loss', 'loss'\]; allowed: .* each once"),
        ({"title": 3}, r"^report: title is 3; allowed: a text"),
        ({"part": []}, r"^report: part is \[\]; allowed: validation, test"),
        ({"labels": {"task": ["a"]}}, r"^report: labels: task is \['a'\]; allowed: a text by name"),
        ({"labels": ["task"]}, r"^report: labels is \['task'\]; allowed: labels by value by setting"),
        ({"compare": "lora"}, r"^report: compare is 'lora'; allowed: best, or settings"),
        ({"rows": ["task"], "columns": ["task"]}, r"^report is 'task'; allowed: a setting in one place"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(found, said):
    with pytest.raises(ConfigError, match=said):
        read_layout(found)


def test_the_layouts_of_the_document_and_of_what_ships_are_layouts():
    text = (Path(__file__).parents[3] / "docs/report.md").read_text(encoding="utf-8")
    examples = [yaml.safe_load(code) for code in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)]
    assert [read_layout(one["report"]).paper[-2:] for one in examples] == [" 5", " 6", "18"]
    assert set(re.findall(r"^\| `(\w+)`", text, re.M)) == {one.name for one in fields(Layout)}
    for path in shipped.shipped_sweeps().values():
        assert read_layout(read_plan(path).report).title, path
