"""Trainable parameters of the papers' models, as printed and as counted."""

import pytest

from experiments.methods.printed import PRINTED

# What the arithmetic gives, where the paper prints another number.
OTHERWISE = {
    ("GPT-2 M", "full"): 354_823_168,
    ("GPT-2 M", "lora"): 24 * 4 * (1024 + 3 * 1024),
    ("GPT-2 L", "lora"): 36 * 4 * (1280 + 3 * 1280),
}
IDS = [f"{row.model} {row.method} {row.words}" for row in PRINTED]


@pytest.mark.parametrize("row", PRINTED, ids=IDS)
def test_the_papers_counts(row):
    counted = row.counted()
    places = len(row.millions.partition(".")[2])
    if (row.model, row.method) in OTHERWISE:
        assert counted == OTHERWISE[row.model, row.method]
        assert f"{counted / 1e6:.{places}f}" != row.millions
    else:
        assert f"{counted / 1e6:.{places}f}" == row.millions


def test_the_counts_are_exact():
    counted = {(row.model, row.method, row.words): row.counted() for row in PRINTED[1:4]}
    assert list(counted.values()) == [12 * 2 * 8 * 2 * 768, 24 * 2 * 8 * 2 * 1024, 48 * 2 * 16 * 2 * 1536]
    small, large = (row.counted() for row in PRINTED if row.model == "GPT-3 175B")
    assert (small, large) == (96 * 2 * 2 * 12_288, 96 * 2 * 8 * 2 * 12_288)
