"""Names that mean some modules and no others."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adalora.candidates import has_suffix
from adalora.naming import anchored, exact_names, matching
from adalora.presets import WORDS

NAME = st.lists(
    st.sampled_from(["layer", "1", "11", "up", "attention", "a.b"[:1]]), min_size=1, max_size=4
).map(".".join)


@given(every=st.lists(NAME, min_size=1, max_size=8, unique=True), data=st.data())
def test_they_mean_what_was_wanted_and_nothing_else(every, data):
    wanted = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    found = exact_names(wanted, every)
    if isinstance(found, str):
        assert found not in WORDS
        meant = {name for name in every if re.fullmatch(found, name)}
    else:
        meant = {name for name in every if any(has_suffix(name, suffix) for suffix in found)}
    assert meant == set(wanted)


@pytest.mark.parametrize(
    ("pattern", "module", "value"),
    [
        ({anchored("layer.1"): 3}, "layer.1", 3),
        ({anchored("layer.1"): 3}, "x.layer.1", 8),
        ({anchored("layer.1"): 3}, "layer.11", 8),
        ({"layer.1": 3}, "x.layer.1", 3),
        ({r".*\.query": 3}, "x.1.query", 3),
    ],
)
def test_patterns_are_read_as_peft_reads_them(pattern, module, value):
    assert matching(pattern, module, 8) == value


@pytest.mark.parametrize(
    "key",
    ["(a+)+b", r"(((\w|\.)+)+!)", "a*a*a*a*b", "(a|b){9}c", "(a|a)" * 30 + "b", "a?" * 40 + "b", r"(a|b)\1"],
)
def test_a_pattern_that_could_take_for_ever_is_refused(key):
    with pytest.raises(ValueError, match="repeats"):
        matching({key: 3}, "a" * 60, 8)


def test_many_patterns_are_looked_through_at_once_or_refused():
    many = {anchored(f"layer.{i}.query"): i for i in range(20_000)}
    assert [matching(many, f"layer.{i}.query", -1) for i in range(0, 20_000, 4_000)] == [
        *range(0, 20_000, 4_000)
    ]
    with pytest.raises(ValueError, match="20,001 patterns"):
        matching({**many, "x": 1}, "layer.1.query", -1)
    with pytest.raises(ValueError, match="more often than names need"):
        matching({f"(a|b)*{i}" if i < 0 else f"a*a*{i}x": 1 for i in range(500)}, "a" * 40, -1)
