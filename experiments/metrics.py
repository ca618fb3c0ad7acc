"""Metrics: functions of predictions and references that return numbers by name."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
from scipy import stats
from sklearn import metrics

Scores = dict[str, float]
Score = Callable[[Sequence[Any], Sequence[Any]], Scores]

LOSS = "loss"  # of the task, which every kind of problem has
LOWER_IS_BETTER = frozenset({LOSS, "ter"})  # of these metrics the lowest number is the best
OF_CLASS = "/"  # between the name of a metric and that of the one class that it is of


def accuracy(predictions: Sequence[int], references: Sequence[int]) -> Scores:
    """Return the share of classes that are right."""
    return {"accuracy": float(metrics.accuracy_score(references, predictions))}


def accuracy_and_f1(predictions: Sequence[int], references: Sequence[int]) -> Scores:
    """Return accuracy, and F1 of class 1; 0 where that class is never predicted."""
    f1 = float(metrics.f1_score(references, predictions, zero_division=0))
    return {**accuracy(predictions, references), "f1": f1}


def matthews(predictions: Sequence[int], references: Sequence[int]) -> Scores:
    """Return Matthews' correlation, in [-1, 1]; 0 for a constant prediction."""
    return {"matthews": float(metrics.matthews_corrcoef(references, predictions))}


def correlations(predictions: Sequence[float], references: Sequence[float]) -> Scores:
    """Return Pearson's and Spearman's correlation; 0 for a constant prediction, which orders nothing."""
    if np.ptp(predictions) == 0 or np.ptp(references) == 0:
        return {"pearson": 0.0, "spearman": 0.0}
    return {
        "pearson": float(stats.pearsonr(predictions, references).statistic),
        "spearman": float(stats.spearmanr(predictions, references).statistic),
    }


def as_numbers(scores: Mapping[str, Scores]) -> dict[str, float]:
    """Return finite scores by name and part, ``accuracy (test)``, without those of single classes."""
    return {
        f"{metric} ({part})": value
        for part, found in scores.items()
        for metric, value in found.items()
        if OF_CLASS not in metric and value is not None and isfinite(value)
    }
