"""BLEU and TER against the equations."""

from collections import Counter
from math import exp, log

import pytest

from experiments.texts import bleu, chrf, ter
from experiments.texts.sacre import in_columns

WRITTEN = ["the cat sat on the mat today", "a dog barks in the town at night"]
ACCEPTED = [
    ["the cat sat on a mat", "a cat was on the mat today", "the cat sat there"],
    ["the dog barks in the town by night"],
]


def naive_bleu(written, accepted):
    """Papineni et al. 2002, equations 1 to 3, for texts in small letters without punctuation."""
    hits, totals, length, nearest = Counter(), Counter(), 0, 0
    for text, others in zip(written, accepted, strict=True):
        words, references = text.split(), [other.split() for other in others]
        length += len(words)
        nearest += min((abs(len(r) - len(words)), len(r)) for r in references)[1]
        for n in range(1, 5):
            grams = lambda t, n=n: Counter(tuple(t[i : i + n]) for i in range(len(t) - n + 1))  # noqa: E731
            own = grams(words)
            totals[n] += sum(own.values())
            hits[n] += sum(min(c, max(grams(r)[g] for r in references)) for g, c in own.items())
    brevity = 1 if length > nearest else exp(1 - nearest / length)
    return brevity * exp(sum(log(hits[n] / totals[n]) for n in range(1, 5)) / 4)


def test_bleu_is_that_of_the_equations_with_another_number_of_references_a_row():
    assert bleu(WRITTEN, ACCEPTED)["bleu"] == pytest.approx(naive_bleu(WRITTEN, ACCEPTED))


def test_capitals_do_not_count():
    assert bleu([text.upper() for text in WRITTEN], ACCEPTED) == bleu(WRITTEN, ACCEPTED)
    assert ter([text.upper() for text in WRITTEN], ACCEPTED) == ter(WRITTEN, ACCEPTED)


def test_ter_counts_edits_to_the_nearest_reference_over_the_mean_length():
    # One word too much in the first row and one wrong in it; two wrong words in the second.
    edits, lengths = 2 + 2, (6 + 7 + 4) / 3 + 8
    assert ter(WRITTEN, ACCEPTED)["ter"] == pytest.approx(edits / lengths)


def test_a_shift_is_one_edit():
    assert ter(["c d a b"], [["a b c d"]])["ter"] == pytest.approx(1 / 4)


def test_ter_sets_punctuation_apart_and_exceeds_1():
    assert ter(["a b ."], [["a b."]])["ter"] == 0
    assert ter(["v w x y z"], [["a"]])["ter"] == 5


def test_the_right_text_among_others_is_right():
    for own in ("a pub near the river here", "x y z w v u"):
        accepted = [["x y z w v u", "a pub near the river here"]]
        assert bleu([own], accepted)["bleu"] == pytest.approx(1)
        assert chrf([own], accepted)["chrf"] == pytest.approx(1)
        assert ter([own], accepted)["ter"] == 0


def test_references_are_filled_up_with_none():
    assert in_columns([["a"], ["b", "c", "d"], ["e", "f"]]) == [
        ["a", "b", "e"],
        [None, "c", "f"],
        [None, "d", None],
    ]
