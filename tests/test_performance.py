"""docs/performance.md shows what the committed benchmark has measured, and nothing else."""

from pathlib import Path

import pytest

from experiments.bench import output, tables

ROOT = Path(__file__).parent.parent
RECORD = output.read(ROOT / "experiments/results/bench")
DOCUMENT = (ROOT / "docs/performance.md").read_text()


def test_it_says_on_what():
    assert tables.circumstances(RECORD) in DOCUMENT


@pytest.mark.parametrize("name", list(tables.tables(RECORD)))
def test_its_tables_are_those_of_the_record(name):
    assert tables.tables(RECORD)[name] in DOCUMENT


def test_it_has_no_other_tables():
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("|")]
    known = {line for table in tables.tables(RECORD).values() for line in table.splitlines()}
    assert set(rows) <= known


def test_everything_that_was_asked_for_was_measured():
    assert tables.NOT_MEASURED not in tables.asked(RECORD)
