"""Where the rank went over a run, and over seeds."""

import numpy as np
import pytest

from adalora import Allocation, ConfigError
from analysis import TripletRow, course, returned, stability

HISTORY = [
    Allocation(0, 8, None, {"layer.0.query": 4, "layer.1.query": 4}),
    Allocation(10, 5, 0.25, {"layer.0.query": 1, "layer.1.query": 4}),
]


def test_ranks_by_type_and_layer():
    found = course(HISTORY, {"layer.0.query": (10, 20), "layer.1.query": (5, 5)})
    assert found.steps == [0, 10]
    assert {kind: list(values) for kind, values in found.by_type.items()} == {"query": [8, 5]}
    assert {layer: list(values) for layer, values in found.by_layer.items()} == {0: [4, 1], 1: [4, 4]}
    assert list(found.total) == [8, 5]
    assert list(found.parameters) == [4 * 31 + 4 * 11, 31 + 4 * 11]
    assert np.isnan(found.thresholds[0])
    assert found.thresholds[1] == 0.25


def test_sizes_may_be_unknown():
    assert len(course(HISTORY).parameters) == 0


def test_a_history_has_a_beginning():
    with pytest.raises(ConfigError, match="history is empty"):
        course([])


def test_seeds_by_hand():
    runs = [{"a": 1, "b": 2, "c": 3}, {"a": 2, "b": 2, "c": 5}, {"a": 3, "b": 1, "c": 0, "d": 9}]
    found = stability(runs)
    assert found.modules == ("a", "b", "c")
    np.testing.assert_array_equal(found.l1, [[0, 3, 6], [3, 0, 7], [6, 7, 0]])
    assert found.tau[0, 2] == pytest.approx(-1)
    assert found.tau[0, 1] == found.tau[1, 0] == pytest.approx(2 / np.sqrt(6))
    np.testing.assert_allclose(found.mean, [2, 5 / 3, 8 / 3])
    np.testing.assert_allclose(found.sd[0], 1)


def test_equal_ranks_have_no_order():
    found = stability([{"a": 2, "b": 2}, {"a": 1, "b": 2}])
    assert np.isnan(found.tau[0, 1])
    assert found.tau[0, 0] == 1


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([{"a": 1}], "runs has 1 entries; allowed: at least two"),
        ([{"a": 1}, {"b": 1}], "the runs have no module in common"),
    ],
)
def test_what_is_wrong_is_named(runs, message):
    with pytest.raises(ConfigError) as error:
        stability(runs)
    assert message in str(error.value)


def test_triplets_that_come_back():
    alive = [[1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1]]  # in the end one has left the tensors
    rows = [TripletRow(step, {}, {"a": np.array(one, dtype=float)}) for step, one in enumerate(alive)]
    assert returned(rows) == {"a": 2}
    assert returned([]) == {}
