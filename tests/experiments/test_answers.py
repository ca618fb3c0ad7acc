"""Exact match and F1 of answers, by the rules of SQuAD 2.0."""

import pytest

from experiments.answers import exact_and_f1, word_f1, words


def test_only_words_count():
    assert words("The  Quick, brown-ish Fox; an apple!") == ["quick", "brownish", "fox", "apple"]


@pytest.mark.parametrize(
    ("answer", "gold", "f1"),
    [
        ("the cat", "Cat.", 1.0),
        ("black cat", "cat", 2 / 3),
        ("cat cat", "cat", 2 / 3),
        ("dog", "cat", 0.0),
        ("", "", 1.0),
        ("cat", "", 0.0),
        ("", "cat", 0.0),
    ],
)
def test_f1_of_words(answer, gold, f1):
    assert word_f1(answer, gold) == pytest.approx(f1)


def test_the_best_of_the_accepted_answers_counts():
    scores = exact_and_f1(["black cat"], [["dog", "the black cat", "cat"]])
    assert scores == {"f1": 1.0, "exact_match": 1.0}


def test_no_answer_is_right_only_where_there_is_none():
    scores = exact_and_f1(["", "", "cat", "cat"], [[], ["cat"], [], ["cat"]])
    assert scores == {"f1": 0.5, "exact_match": 0.5}


def test_an_accepted_answer_without_words_means_no_answer():
    assert exact_and_f1([""], [["the"]]) == {"f1": 1.0, "exact_match": 1.0}
