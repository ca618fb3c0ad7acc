"""Tables are made from the record alone."""

import json

from experiments.bench.config import SECTIONS
from experiments.bench.tables import markdown, tables


def test_every_section_has_a_table(record):
    assert set(tables(record)) == {"asked", *SECTIONS}


def test_what_comes_from_the_file_makes_the_same_tables(record):
    assert markdown(json.loads(json.dumps(record))) == markdown(record)


def test_rows_are_whole(record):
    for table in tables(record).values():
        widths = {line.count("|") for line in table.splitlines()}
        assert len(widths) == 1, table


def test_cells_say_what_was_measured(record):
    made = tables(record)
    assert "| AdaLoRA, shrunk | 1.10 [1.05, 1.20] | 1.10 [1.05, 1.20] | 1.10 [1.05, 1.20] |" in made["steps"]
    assert "| a step of the floor | 500 ms | 500 ms | 500 ms |" in made["steps"]
    assert "| minilm | 300 | 120.0 | 100.0 | 1.200 | 1.10 [1.05, 1.20] | 1.10 | 1.10 | 1.10 |" in made["run"]
    assert "| AdaLoRA | 2.0 (0.50) | 2.0 (0.50) | 2.0 (0.50) |" in made["memory"]
    assert "| minilm | 500 | 1.23 % |" in made["control"]
    assert "| 1200 | 500 | 110 | 150 |" in made["matrices"]
    assert "| mean | 80.50 | 80.60 | +0.10 |" in made["accuracy"]
    assert "| 1 | 8 | 500 | 1.10 [1.05, 1.20] |" in made["inference"]


def test_what_was_asked_is_compared(record):
    lines = tables(record)["asked"].splitlines()
    assert (
        "| bert-4x768: AdaLoRA before shrinking, over the floor | ≤ 1.12 | ≤ 1.08 | 1.100 | asked |" in lines
    )
    assert "| minilm: AdaLoRA before shrinking, over the floor | ≤ 1.24 | ≤ 1.15 | 1.100 | aim |" in lines
    assert "| minilm: peft AdaLoRA over ours, whole run | ≥ 1.25 | ≥ 1.4 | 1.200 | no |" in lines
    assert "| merged inference over base, worst cell | 0.98 to 1.02 | 0.98 to 1.02 | 1.100 | no |" in lines
    assert "| minilm: the controller's share of a step | ≤ 3 % | ≤ 1 % | 1.23 % | asked |" in lines


def test_a_part_of_the_sections(record):
    record["sections"] = {"steps": record["sections"]["steps"]}
    made = tables(record)
    assert set(made) == {"asked", "steps"}
    assert "the controller's share" not in made["asked"]
    assert "not measured" not in made["asked"]
    del record["sections"]["steps"]["minilm"]
    assert "not measured" in tables(record)["asked"]
    record["settings"]["rank"] = 4
    assert set(tables(record)) == {"steps"}


def test_the_page_names_the_machine(record):
    page = markdown(record)
    assert "A CPU, 2 cores, 2 threads, cpu, float32; torch 2.13" in page
    assert page.count("## ") == len(tables(record))
