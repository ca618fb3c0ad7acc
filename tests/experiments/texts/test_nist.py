"""NIST against the equations, and against nltk where there is one reference."""

from itertools import pairwise
from math import exp, log, log2

import pytest

from experiments.texts import nist

WRITTEN = ["the cat sat on the mat today", "a dog barks at night"]
ACCEPTED = [["the cat sat on a mat", "a cat was on the mat here today"], ["the dog barks at the night"]]


def naive_nist(written, accepted):
    """Doddington 2002, equations 2 and 3: by lists of n-grams and counting, one after the other."""
    references = [[text.split() for text in row] for row in accepted]

    def grams(words, n):
        return [words[i : i + n] for i in range(len(words) - n + 1)]

    def count(gram):
        if not gram:
            return sum(len(text) for row in references for text in row)
        return sum(grams(text, len(gram)).count(gram) for row in references for text in row)

    score = 0.0
    for n in range(1, 6):
        gained, total = 0.0, 0
        for text, row in zip(written, references, strict=True):
            own = grams(text.split(), n)
            total += len(own)
            for gram in map(list, {tuple(gram) for gram in own}):
                shared = min(own.count(gram), max(grams(other, n).count(gram) for other in row))
                if shared:
                    gained += shared * log2(count(gram[:-1]) / count(gram))
        score += gained / total if total else 0
    words = sum(len(text.split()) for text in written)
    wanted = sum(sum(len(text) for text in row) / len(row) for row in references)
    beta = log(0.5) / log(2 / 3) ** 2
    return score * exp(beta * log(min(words / wanted, 1)) ** 2)


@pytest.mark.parametrize("rows", [slice(0, 2), slice(0, 1), slice(1, 2)])
def test_it_is_that_of_the_equations(rows):
    expected = naive_nist(WRITTEN[rows], ACCEPTED[rows])
    assert nist(WRITTEN[rows], ACCEPTED[rows])["nist"] == pytest.approx(expected)
    assert expected > 0.5


def test_with_one_reference_nltk_says_the_same():
    theirs = pytest.importorskip("nltk.translate.nist_score").corpus_nist
    single = [row[:1] for row in ACCEPTED]
    words = [[text.split() for text in row] for row in single]
    assert nist(WRITTEN, single)["nist"] == pytest.approx(theirs(words, [text.split() for text in WRITTEN]))


def test_two_thirds_of_the_length_halve_the_score():
    # A word holds log2(9 / 3) and a pair of it log2(3 / 2): each of three is twice in its own text alone.
    scored = nist(["a a", "b b", "c c"], [["a a a"], ["b b b"], ["c c c"]])["nist"]
    assert scored == pytest.approx((log2(9 / 3) + log2(9 / 6)) / 2)


def test_the_right_text_has_the_highest_score():
    right = [row[0] for row in ACCEPTED]
    scores = [nist(texts, ACCEPTED)["nist"] for texts in (right, WRITTEN, ["the cat", "a dog"], ["", ""])]
    assert all(more > less for more, less in pairwise(scores))
    assert scores[-1] == 0


def test_a_text_of_fewer_words_than_the_longest_n_gram():
    assert nist(["Cat ."], [["cat."]])["nist"] == 1  # two words of one bit each; nothing is left to tell
