"""The record of budget updates: a list to its readers, columns of small numbers inside."""

import json
import sys
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adalora import Allocation
from adalora.history import History, history_of, read_history

THRESHOLDS = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def histories(draw):
    modules = draw(st.lists(st.text(max_size=4), unique=True, max_size=4))
    top = draw(st.sampled_from([3, 255, 256, 70_000]))
    ranks = st.fixed_dictionaries({name: st.integers(0, top) for name in modules})
    first = Allocation(0, draw(st.integers(0, 10**9)), None, dict.fromkeys(modules, top))
    steps = st.integers(1, 10**9)
    return [
        first,
        *draw(st.lists(st.builds(Allocation, steps, st.integers(0, 10**9), THRESHOLDS, ranks), max_size=5)),
    ]


@given(rows=histories(), begin=st.integers(-7, 7), end=st.integers(-7, 7))
def test_it_is_read_like_the_list_of_its_rows(rows, begin, end):
    history = history_of(rows)
    assert history == rows
    assert list(history) == rows
    assert history[begin:end] == rows[begin:end]
    assert history[-1] == rows[-1]
    assert len(history) == len(rows)
    assert repr(history) == f"History({list(history)!r})"
    assert history != rows[:-1]
    assert history != tuple(rows)
    with pytest.raises(IndexError):
        history[len(rows)]


@given(rows=histories())
def test_it_comes_back_from_json_in_both_forms(rows):
    for form in (history_of(rows).as_json(), [asdict(row) for row in rows]):
        assert read_history(json.loads(json.dumps(form))) == rows


FIRST = Allocation(0, 8, None, {"up": 4, "down": 4})
COLUMNS = History(FIRST).as_json()


@pytest.mark.parametrize(
    "change",
    [
        {"ranks": [4]},
        {"ranks": [4, -1]},
        {"ranks": [4, "4"]},
        {"ranks": [4, 4, 4, 4]},
        {"steps": []},
        {"steps": [-1]},
        {"budgets": [0.5]},
        {"thresholds": ["high"]},
        {"thresholds": [10**400]},
        {"ranks": [4, 10**30]},
        {"ranks": "44"},
        {"modules": ["up"]},
        {"modules": ["up", "up"]},
        {"modules": None},
    ],
)
def test_damaged_columns_are_refused(change):
    with pytest.raises((TypeError, ValueError)):
        read_history({**COLUMNS, **change})


def test_rows_of_other_matrices_are_refused_and_leave_it_as_it_was():
    history = History(FIRST)
    for ranks in ({"up": 4}, {"up": 4, "other": 4}, {"up": 4, "down": 256}):
        with pytest.raises(ValueError, match="step 1"):
            history.append(Allocation(1, 8, 0.5, ranks))
    assert history == [FIRST]


def test_a_row_takes_a_byte_a_matrix_and_24():
    history = History(Allocation(0, 72 * 12, None, {f"layer.{i}": 12 for i in range(72)}))
    for step in range(1, 4001):
        history.append(Allocation(step, 500, 0.5, {f"layer.{i}": 7 for i in range(72)}))
    held = sum(sys.getsizeof(value) for value in vars(history).values())
    assert held / 4001 < 1.2 * (72 + 24)
