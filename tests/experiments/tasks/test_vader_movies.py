"""Rated snippets, from stand-in lines and from the real file."""

import pytest

from adalora import DataError
from experiments import packages, tasks
from experiments.config import DataConfig
from experiments.tasks.vader_movies import read_snippets

TASK = tasks.TASKS["vader_movies"]


def test_raw_tabs_and_quotation_marks(tmp_path):
    path = tmp_path / "movies.txt"
    path.write_bytes(
        '1\t2.5\tA "good" film.\r\n2\t-0.75\tBad\u2028caf\u00e9 \r\n3\t1.0\tA "good" film.'.encode()
    )
    assert list(read_snippets(path)) == [
        {"text": 'A "good" film.', "label": 2.5},
        {"text": "Bad\u2028caf\u00e9", "label": -0.75},
    ]


@pytest.mark.parametrize("line", ["2\tgood\ttext", "2\t1.0", "2\t1.0\ta\tb", ""])
def test_another_form_is_named(tmp_path, line):
    path = tmp_path / "movies.txt"
    path.write_text(f"1\t2.5\tfine\n{line}\n3\t1\tx")
    with pytest.raises(DataError, match=r"movies\.txt, line 2 is .*; allowed: an id, a number and a text"):
        read_snippets(path)


def test_the_real_rows():
    try:
        packages.find(packages.VADER)
    except DataError as error:
        pytest.skip(str(error))
    splits = TASK.load(DataConfig())
    assert [len(splits.train), len(splits.validation), len(splits.test["test"])] == [8_603, 500, 1_500]
    assert not {*splits.train["text"]} & {*splits.test["test"]["text"]}
    assert -4 <= min(splits.train["label"]) < -3 < 3 < max(splits.train["label"]) <= 4
