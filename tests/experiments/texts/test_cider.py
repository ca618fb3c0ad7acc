"""CIDEr-D against the equations."""

from math import exp, log, sqrt

import pytest

from experiments.texts import cider
from experiments.texts.cider import words

WRITTEN = ["the cat sat on the mat today", "a dog barks in the town at night", "the cat barks"]
ACCEPTED = [
    ["the cat sat on a mat", "a cat was on the mat today"],
    ["the dog barks in the town by night"],
    ["the cat barks", "a cat barks at the dog", "it barks"],
]


def naive_cider(written, accepted):
    """Vedantam et al. 2015, equations 1 to 3 and 5; the length of a text in the penalty is its number of pairs of words."""

    def counts(text, n):
        cut = text.split()
        grams = [" ".join(cut[i : i + n]) for i in range(len(cut) - n + 1)]
        return {gram: grams.count(gram) for gram in grams}

    def weights(text, n):
        found = {}
        for gram, count in counts(text, n).items():
            rows = sum(any(gram in counts(other, n) for other in row) for row in accepted)
            found[gram] = count * log(len(accepted) / max(1, rows))
        return found

    def norm(vector):
        return sqrt(sum(value**2 for value in vector.values()))

    total = 0.0
    for text, row in zip(written, accepted, strict=True):
        for other in row:
            apart = (len(text.split()) - 1) - (len(other.split()) - 1)
            for n in range(1, 5):
                own, wanted = weights(text, n), weights(other, n)
                product = sum(
                    min(value, wanted.get(gram, 0)) * wanted.get(gram, 0) for gram, value in own.items()
                )
                scale = norm(own) * norm(wanted)
                total += 10 / 4 * exp(-(apart**2) / (2 * 6**2)) * (product / scale if scale else 0) / len(row)
    return total / len(written)


def test_it_is_that_of_the_equations():
    expected = naive_cider(WRITTEN, ACCEPTED)
    assert cider(WRITTEN, ACCEPTED)["cider"] == pytest.approx(expected)
    assert 0 < expected < 10


def test_the_only_reference_word_for_word_is_10():
    texts = ["a b c d e", "f g h i j"]
    assert cider(texts, [[text] for text in texts])["cider"] == pytest.approx(10)


def test_a_single_row_is_0_as_every_row_has_its_words():
    assert cider(["a b"], [["a b", "a c"]]) == {"cider": 0.0}


def test_nothing_written_and_nothing_wanted():
    assert cider(["", "a"], [["b c"], ["a b"]])["cider"] < 10
    assert cider(["a", "b"], [[""], ["."]]) == {"cider": 0.0}


def test_words_are_small_and_without_punctuation():
    text = "The Café's child-friendly (5 out of 5); it costs more than £30, or 1,250.50!"
    assert words(text) == [
        *(
            "the",
            "café's",
            "child-friendly",
            "5",
            "out",
            "of",
            "5",
            "it",
            "costs",
            "more",
            "than",
            "£",
            "30",
            "or",
        ),
        "1,250.50",
    ]
