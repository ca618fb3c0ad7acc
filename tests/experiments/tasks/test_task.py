"""Cutting and splitting rows, the same in every run."""

from datasets import Dataset

from experiments.tasks.task import cut, hold_out

ROWS = Dataset.from_dict({"n": list(range(100))})


def test_a_cut_is_drawn_once_and_for_all():
    first = list(cut(ROWS, 10)["n"])
    assert len(set(first)) == 10
    assert first == list(cut(ROWS, 10)["n"])
    assert first != list(range(10))
    assert cut(ROWS, None) is ROWS
    assert cut(ROWS, 100) is ROWS


def test_held_out_rows_are_apart_and_nothing_is_lost():
    train, validation, test = hold_out(ROWS, test=20, validation=5)
    assert (len(train), len(validation), len(test)) == (75, 5, 20)
    assert sorted([*train["n"], *validation["n"], *test["n"]]) == list(range(100))
    assert list(test["n"]) == list(hold_out(ROWS, test=20, validation=5)[2]["n"])
