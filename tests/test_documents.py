"""The documents show what the committed records say, and nothing else."""

from pathlib import Path

import pytest

from experiments.bench import output
from experiments.bench import tables as bench
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
    assert bench.NOT_MEASURED not in bench.asked(DOCUMENTS["docs/performance.md"][1])
