"""What queries find in small tables."""

import time

import pytest

from experiments.sql import Condition, Query, parse
from experiments.sql_tables import Table, answers

TABLE = Table(
    ("text", "text", "real"),
    (
        ("Ann Lee", "Reds", "20"),
        ("Bo", "Blues", "1,000.5"),
        ("Cy", "reds", "n/a"),
        ("D'Arcy", "'; DROP TABLE rows; --", "3"),
    ),
)


def ask(text, table=TABLE):
    return answers(table, [parse(text)])[0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT col0 FROM table", ["ann lee", "bo", "cy", "d'arcy"]),
        ("SELECT col0 FROM table WHERE col1 = 'REDS'", ["ann lee", "cy"]),
        ("SELECT col2 FROM table WHERE col0 = 'Ann  lee'", [20.0]),
        ("SELECT col0 FROM table WHERE col0 = 'D''Arcy'", ["d'arcy"]),
        ("SELECT COUNT(col0) FROM table WHERE col1 = 'reds'", [2]),
        ("SELECT MAX(col2) FROM table WHERE col2 < '50'", [20.0]),
        ("SELECT MIN(col2) FROM table", [3.0]),
        ("SELECT SUM(col2) FROM table WHERE col2 < '50'", [23.0]),
        ("SELECT AVG(col2) FROM table WHERE col2 < '50'", [11.5]),
        ("SELECT SUM(col2) FROM table WHERE col0 = 'nobody'", [None]),
        # Numbers are compared as numbers, texts as texts.
        ("SELECT col0 FROM table WHERE col2 = '1000.5'", ["bo"]),
        ("SELECT col0 FROM table WHERE col2 = '1,000.50'", ["bo"]),
        ("SELECT col0 FROM table WHERE col2 = '20.0'", ["ann lee"]),
        ("SELECT col0 FROM table WHERE col2 = '20 goals'", ["ann lee"]),
        ("SELECT col0 FROM table WHERE col2 > '5' AND col2 < '50'", ["ann lee"]),
        ("SELECT col0 FROM table WHERE col0 > 'c'", ["cy", "d'arcy"]),
        # Hostile text is a value like others.
        ("SELECT col0 FROM table WHERE col1 = '''; DROP TABLE rows; --'", ["d'arcy"]),
        ("SELECT col0 FROM table WHERE col0 = ''' OR 1=1 --'", []),
    ],
)
def test_what_a_query_finds(query, found):
    assert ask(query) == found


def test_what_cannot_be_run_finds_nothing():
    assert ask("SELECT col3 FROM table") is None
    assert ask("SELECT col0 FROM table WHERE col7 = 'a'") is None
    assert ask("SELECT col0 FROM table WHERE col2 = 'many'") is None
    assert answers(TABLE, [Query(0, 0, (Condition(0, 0, "a"),) * 2000)]) == [None]
    assert ask("SELECT col0 FROM table WHERE col0 = '\ud800'") is None
    assert answers(TABLE, [None, Query(0, 0)]) == [None, ["ann lee", "bo", "cy", "d'arcy"]]


def test_a_query_ends():
    table = Table(("text",), (("a",),) * 2000)
    begun = time.monotonic()
    assert answers(table, [Query(0, 0), Query(0, 3)], steps=100) == [None, None]
    assert time.monotonic() - begun < 5
    assert answers(table, [Query(0, 3)]) == [[2000]]


def test_one_query_leaves_the_table_to_the_next():
    hostile = parse("SELECT col0 FROM table WHERE col0 = '''); DELETE FROM rows; --'")
    assert answers(TABLE, [hostile, Query(0, 3)]) == [[], [4]]


def test_a_table_is_read_from_a_row():
    found = {"header": ["a", "b"], "types": ["text", "real"], "rows": [["x", 1.5], [None, "2"]]}
    assert Table.read(found) == Table(("text", "real"), (("x", "1.5"), ("", "2")))
    for wrong in ({"header": ["a"]}, {"rows": [["x"]]}, {"types": [], "header": [], "rows": []}):
        with pytest.raises(ValueError, match="not of one width"):
            Table.read(found | wrong)


def test_digits_with_underscores_are_no_number():
    table = Table(("text", "real"), (("a", "1_0"), ("b", "10")))
    assert ask("SELECT col0 FROM table WHERE col1 = '10'", table) == ["b"]


def test_a_table_too_wide_for_sqlite_answers_nothing():
    table = Table(("text",) * 3000, (("a",) * 3000,))
    assert ask("SELECT col0 FROM table", table) is None
