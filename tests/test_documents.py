"""The documents show what the committed records say, and nothing else."""

import re
from pathlib import Path

import pytest

from experiments.bench import output
from experiments.bench import tables as bench
from experiments.bench.aims import AIMS
from experiments.findings import run
from experiments.findings import tables as findings
from experiments.recipe import run as comparison
from experiments.recipe import tables as recipe

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "experiments/results"
DOCUMENTS = {
    "docs/performance.md": (bench, output.read(RESULTS / "bench")),
    "docs/findings.md": (findings, run.read(RESULTS / "findings")),
    "docs/recipe.md": (recipe, comparison.read(RESULTS / "recipe")),
    "docs/adapters.md": (bench, output.read(RESULTS / "adapters")),
}


@pytest.fixture(params=DOCUMENTS)
def shown(request):
    """Return a document, what makes its tables, and the record that they are made of."""
    return (ROOT / request.param).read_text(), *DOCUMENTS[request.param]


def test_it_says_on_what(shown):
    text, made, record = shown
    assert made.circumstances(record) in text


def test_its_tables_are_those_of_the_record(shown):
    text, made, record = shown
    for name, table in made.tables(record).items():
        assert table in text, name


def test_it_has_no_other_tables(shown):
    text, made, record = shown
    rows = [line for line in text.splitlines() if line.startswith("|")]
    known = {line for table in made.tables(record).values() for line in table.splitlines()}
    assert set(rows) <= known


def test_its_pictures_are_there(shown):
    for link in (
        line.partition("](")[2].rstrip(")") for line in shown[0].splitlines() if line.startswith("![")
    ):
        assert (ROOT / "docs" / link).is_file(), link


def test_everything_that_was_asked_for_was_measured():
    asked = "".join(bench.asked(record) for made, record in DOCUMENTS.values() if made is bench)
    assert bench.NOT_MEASURED not in asked
    assert all(f"| {aim.figure} |" in asked for aim in AIMS)


def test_the_code_of_a_document_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/adapters.md").read_text()
    names = {}
    for code in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(code, names)  # noqa: S102 - it is our own
    assert {path.name for path in tmp_path.iterdir()} == {"for-peft", "for-a-server", "sum"}
