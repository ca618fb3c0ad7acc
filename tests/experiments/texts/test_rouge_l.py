"""ROUGE-L against the equations."""

import pytest

from experiments.texts import rouge_l

pytest.importorskip("rouge_score")


def longest(a, b):
    """Return the length of the longest common subsequence."""
    if not a or not b:
        return 0
    if a[0] == b[0]:
        return 1 + longest(a[1:], b[1:])
    return max(longest(a[1:], b), longest(a, b[1:]))


def naive(text, reference):
    a, b = text.split(), reference.split()
    shared = longest(a, b)
    return 2 * shared / (len(a) + len(b))


def test_the_best_reference_of_each_row_counts():
    written = ["the cat sat on the mat", "a dog barks"]
    accepted = [
        ["on the mat sat a cat", "the cat was on a mat"],
        ["barks a dog", "the dog barks aloud", "a pub"],
    ]
    expected = [max(naive(text, other) for other in row) for text, row in zip(written, accepted, strict=True)]
    assert rouge_l(written, accepted)["rougeL"] == pytest.approx(sum(expected) / 2)


def test_words_are_not_stemmed():
    assert rouge_l(["cats"], [["cat"]]) == {"rougeL": 0.0}
    assert rouge_l(["Cat."], [["dog", "cat"]]) == {"rougeL": 1.0}
