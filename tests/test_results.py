"""docs/results.md shows what the committed results say, and docs/experiments.md names all that there is."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from experiments.commands import report, shipped
from experiments.methods import METHODS
from experiments.sweeps.plan import read_plan
from experiments.tasks import TASKS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "experiments/results"
DOCUMENT = (ROOT / "docs/results.md").read_text(encoding="utf-8")
EXPERIMENTS = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
TABLES = ("table5", "table6", "table18")


def rows(text):
    return {line for line in text.splitlines() if line.startswith("|")}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the reports on the committed results, made anew."""
    folder = tmp_path_factory.mktemp("reports")
    for name in TABLES:
        report.run([name, "--results", str(RESULTS / "tables"), "--output", str(folder / name)])
    return {name: (folder / name / "report.md").read_text(encoding="utf-8") for name in TABLES}


@pytest.mark.parametrize("name", TABLES)
def test_the_committed_report_is_that_of_the_committed_results(written, name):
    assert (RESULTS / name / "report.md").read_text(encoding="utf-8") == written[name]
    assert "Half finished" not in written[name]
    assert "failed |" not in written[name].replace("| failed |", "")


def test_the_document_has_no_rows_but_those_of_the_reports(written):
    known = set().union(*map(rows, written.values()))
    assert rows(DOCUMENT) <= known
    for text in written.values():
        scores = text.partition("### accuracy")[2] or text.partition("## Scores")[2]
        shown = rows(scores.partition("## ")[0])
        assert len(shown) > 2
        assert shown <= rows(DOCUMENT)


def test_the_commands_and_pictures_of_the_document_are_there():
    for name in TABLES:
        assert f"make {name}" in DOCUMENT
        assert re.search(rf"^results: .*\b{name}\b", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for link in re.findall(r"!\[.*?\]\((.*?)\)", DOCUMENT):
        assert (ROOT / "docs" / link).is_file(), link


def test_the_document_on_experiments_names_all_that_there_is():
    named = set(re.findall(r"^\| `([\w/:+-]+)`", EXPERIMENTS, re.MULTILINE))
    plan = {"choose" if field.name == "choice" else field.name for field in fields(read_plan(TABLE5))} | {
        "grid"
    }
    assert named == {*TASKS, "hub:NAME", *METHODS, *shipped.shipped_sweeps(), *plan}
    for task in TASKS.values():
        (row,) = [line for line in EXPERIMENTS.splitlines() if line.startswith(f"| `{task.name}` |")]
        assert task.about in row
        assert all(metric in row for metric in task.metrics if "/" not in metric)


TABLE5 = shipped.shipped_sweeps()["table5"]
