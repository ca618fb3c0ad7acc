"""Records as one line, and rows with one or with all of their texts."""

import pytest

from adalora import DataError
from experiments.tasks.verbalized import COLUMNS, gather, linear, nested, spread

PAIRS = [("a", ["one", " two\n lines "]), ("b", ["three", ""]), ("a", ["one", "four"]), ("c", [])]


def test_records_become_one_line():
    assert linear([("name", "The Vaults"), ("eatType", "pub")]) == "name : The Vaults | eatType : pub"
    assert linear([["Aarhus_Airport", "cityServed", "Aarhus,\tDenmark "]]) == (
        "Aarhus Airport : cityServed : Aarhus, Denmark"
    )


def test_a_row_for_each_text_to_train_on():
    rows = spread(PAIRS, "here")
    assert list(rows["input"]) == ["a", "a", "a", "b"]
    assert list(rows["text"]) == ["one", "two lines", "four", "three"]
    assert rows[0]["references"] == ["one"]


def test_a_row_for_each_input_to_measure_on():
    rows = gather(PAIRS, "here")
    assert list(rows["input"]) == ["a", "b"]
    assert list(rows[COLUMNS.target]) == ["one", "three"]
    assert list(rows[COLUMNS.accepted]) == [["one", "two lines", "four"], ["three"]]


@pytest.mark.parametrize("make", [spread, gather])
def test_no_text_at_all_is_told(make):
    with pytest.raises(DataError, match=r"^here has no text to learn or to measure"):
        make([("a", []), ("b", [" "])], "here")


def test_lists_of_structures_are_read_in_both_forms():
    assert nested([{"text": "a"}, {"text": "b"}], "text", "lex") == ["a", "b"]
    assert nested({"text": ["a", "b"]}, "text", "lex") == ["a", "b"]


@pytest.mark.parametrize("cells", [{"texts": ["a"]}, [{"texts": "a"}], ["a"], [None]])
def test_a_missing_field_is_named(cells):
    with pytest.raises(
        DataError, match=r"column 'lex' holds .*, which has no field 'text'; give it the form"
    ):
        nested(cells, "text", "lex")
