"""Metrics against numbers worked out by hand."""

import math

import pytest

from experiments.metrics import accuracy, accuracy_and_f1, correlations, matthews


def test_accuracy():
    assert accuracy([1, 0, 1, 1], [1, 1, 1, 0]) == {"accuracy": 0.5}


def test_f1_is_that_of_class_1():
    # One hit, one false alarm, two misses: precision 1/2, recall 1/3.
    assert accuracy_and_f1([1, 1, 0, 0], [1, 0, 1, 1]) == {"accuracy": 0.25, "f1": pytest.approx(0.4)}


def test_f1_is_zero_where_class_1_is_never_predicted():
    assert accuracy_and_f1([0, 0], [1, 0])["f1"] == 0.0


def test_matthews():
    # TP 1, TN 2, FP 1, FN 0.
    expected = 2 / math.sqrt(2 * 1 * 3 * 2)
    assert matthews([1, 1, 0, 0], [1, 0, 0, 0])["matthews"] == pytest.approx(expected)


def test_matthews_of_a_constant_is_zero():
    assert matthews([1, 1, 1], [1, 0, 1])["matthews"] == 0.0


def test_correlations():
    scores = correlations([1.0, 2.0, 4.0], [1.0, 3.0, 2.0])
    assert scores["spearman"] == pytest.approx(0.5)
    assert scores["pearson"] == pytest.approx(1 / math.sqrt(14 / 3 * 2))


def test_a_constant_correlates_with_nothing():
    assert correlations([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]) == {"pearson": 0.0, "spearman": 0.0}
