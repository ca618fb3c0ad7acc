"""Trainable parameters of the papers' models, as printed and as counted."""

import pytest

from experiments.methods.printed import PRINTED

# What the arithmetic gives, where the paper prints another number.
OTHERWISE = {
    ("GPT-2 M", "full", "354.92"): 354_823_168,
    ("GPT-2 M", "lora", "0.35"): 24 * 4 * (1024 + 3 * 1024),
    ("GPT-2 L", "lora", "0.77"): 36 * 4 * (1280 + 3 * 1280),
    ("RoBERTa-large", "adapter-p", "3.0"): 24 * (2 * 1024 * 64 + 64 + 1024),
    ("RoBERTa-large", "adapter-h", "6.0"): 48 * (2 * 1024 * 64 + 64 + 1024),
    ("GPT-2 M", "adapter-h", "11.09"): 48 * (2 * 1024 * 112 + 112 + 1024),
    ("GPT-3 175B", "prelayer", "5.1"): 96 * 12_288 * (2 + 2),
    ("GPT-3 175B", "prelayer", "20.2"): 96 * 12_288 * (8 + 8),
    ("GPT-3 175B", "lora+pe", "37.8"): 96 * 2 * 8 * 2 * 12_288 + 12_288 * (8 + 4),
    ("GPT-3 175B", "lora+pl", "52.8"): 96 * 2 * 8 * 2 * 12_288 + 96 * 12_288 * (8 + 4),
}
IDS = [f"{row.model} {row.method} {row.words}" for row in PRINTED]


@pytest.mark.parametrize("row", PRINTED, ids=IDS)
def test_the_papers_counts(row):
    counted = row.counted()
    places = len(row.millions.partition(".")[2])
    if (row.model, row.method, row.millions) in OTHERWISE:
        assert counted == OTHERWISE[row.model, row.method, row.millions]
        assert f"{counted / 1e6:.{places}f}" != row.millions
    else:
        assert f"{counted / 1e6:.{places}f}" == row.millions


def test_the_counts_are_exact():
    counted = {(row.model, row.method, row.words): row.counted() for row in PRINTED[1:4]}
    assert list(counted.values()) == [12 * 2 * 8 * 2 * 768, 24 * 2 * 8 * 2 * 1024, 48 * 2 * 16 * 2 * 1536]
    small, large = (row.counted() for row in PRINTED if (row.model, row.method) == ("GPT-3 175B", "lora"))
    assert (small, large) == (96 * 2 * 2 * 12_288, 96 * 2 * 8 * 2 * 12_288)


SHAPES = {
    "RoBERTa-base": (768, 12),
    "RoBERTa-large": (1024, 24),
    "GPT-2 M": (1024, 24),
    "GPT-2 L": (1280, 36),
    "GPT-3 175B": (12_288, 96),
}
BETWEEN = [row for row in PRINTED if row.method.startswith("adapter-")]


@pytest.mark.parametrize("row", BETWEEN, ids=[f"{row.model} {row.method} {row.millions}" for row in BETWEEN])
def test_the_papers_formula_for_modules_between_layers(row):
    d, layers = SHAPES[row.model]
    r = row.bottleneck.width
    modules = {"h": 2 * layers, "d": layers - (row.bottleneck.dropped or 0)}.get(row.method[-1], layers)
    norms = layers if row.method == "adapter-l" else 0
    assert row.counted() == modules * (2 * d * r + r + d) + 2 * norms * d


def test_the_papers_formulas_for_tokens():
    counted = {(row.method, row.words): row.counted() for row in PRINTED if row.method.startswith("pre")}
    assert counted == {
        ("preembed", "l_p=256, l_i=8"): 12_288 * (256 + 8),
        ("preembed", "l_p=512, l_i=8"): 12_288 * (512 + 8),
        ("prelayer", "l_p=2, l_i=2"): 96 * 12_288 * (2 + 2),
        ("prelayer", "l_p=8, l_i=8"): 96 * 12_288 * (8 + 8),
    }
