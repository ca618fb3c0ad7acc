"""Queries of WikiSQL as one line, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.sql import AGGREGATIONS, MOST_CONDITIONS, OPERATORS, Condition, Query, parse, plain, write

QUERY = Query(2, 1, (Condition(0, 0, "it's"), Condition(1, 1, "5")))
LINE = "SELECT MAX(col2) FROM table WHERE col0 = 'it''s' AND col1 > '5'"

values = st.text(max_size=12) | st.sampled_from(["'", "''", "' AND col0 = '", "'; DROP TABLE rows; --", "\n"])
conditions = st.builds(Condition, st.integers(0, 99), st.integers(0, len(OPERATORS) - 1), values)
queries = st.builds(
    Query,
    st.integers(0, 99),
    st.integers(0, len(AGGREGATIONS) - 1),
    st.lists(conditions, max_size=5).map(tuple),
)


def test_the_line():
    assert write(QUERY) == LINE
    assert parse(LINE) == QUERY
    assert write(Query(0, 0)) == "SELECT col0 FROM table"


@given(queries)
def test_every_query_comes_back(query):
    found = parse(write(query))
    assert found.equals(query)
    assert parse(write(found)) == found
    assert len(write(query).splitlines()) == 1 or "\n" not in write(query)


@given(st.text(max_size=60) | st.text("selctofrmab01 '=<>()WHERAND", max_size=60))
def test_any_text_is_a_query_or_none(text):
    found = parse(text)
    assert found is None or isinstance(found, Query)


def test_capitals_and_spaces_are_free():
    spaced = " select max ( col2 )  from TABLE where col0 = 'it''s' and col1>'5' "
    assert parse(spaced) == QUERY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "none",
        "SELECT",
        "SELECT * FROM table",
        "SELECT name FROM table",
        "SELECT col0, col1 FROM table",
        "SELECT UPPER(col0) FROM table",
        "SELECT col99999 FROM table",
        "SELECT col-1 FROM table",
        "SELECT col0 FROM rows",
        "SELECT col0 FROM tables",
        "SELECT col0 FROM table;",
        "SELECT col0 FROM table; DROP TABLE rows",
        "SELECT col0 FROM table WHERE",
        "SELECT col0 FROM table WHERE col1 = 5",
        "SELECT col0 FROM table WHERE col1 = 'a",
        "SELECT col0 FROM table WHERE col1 = 'a'; DROP TABLE rows; --'",
        "SELECT col0 FROM table WHERE col1 = '' OR '1'='1'",
        "SELECT col0 FROM table WHERE col1 = 'a' WHERE col1 = 'a'",
        "SELECT col0 FROM table AND col1 = 'a'",
        "SELECT col0 FROM table WHERE col1 >= 'a'",
        "SELECT col0 FROM table WHERE col1 = 'a' UNION SELECT name FROM sqlite_master",
    ],
)
def test_what_is_no_query(text):
    assert parse(text) is None


def test_what_counts_as_the_same():
    other = Query(2, 1, (Condition(1, 1, "5"), Condition(0, 0, "IT'S")))
    assert QUERY.equals(other)  # neither order nor capitals
    assert QUERY.equals(Query(2, 1, (*QUERY.conditions, QUERY.conditions[0])))  # nor what is said twice
    for wrong in (
        Query(1, 1, QUERY.conditions),
        Query(2, 2, QUERY.conditions),
        Query(2, 1, QUERY.conditions[:1]),
        Query(2, 1, (Condition(0, 0, "it's"), Condition(1, 2, "5"))),
        Query(2, 1, (Condition(0, 0, "it's"), Condition(1, 1, "5.0"))),
    ):
        assert not QUERY.equals(wrong)
    assert plain("  A\n b ") == "a b"


def test_what_fits_a_table():
    assert QUERY.fits(3)
    assert not QUERY.fits(2)
    assert not Query(-1, 0).fits(3)
    assert not Query(0, 6).fits(3)
    assert not Query(0, 0, (Condition(0, 3, "a"),)).fits(3)
    assert not Query(0, 0, (Condition(3, 0, "a"),)).fits(3)
    assert not Query(0, 0, (Condition(0, 0, "a"),) * (MOST_CONDITIONS + 1)).fits(3)
