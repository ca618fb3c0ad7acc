"""Errors of the factors' gradients."""

import pytest
import torch

from experiments.bench.gradients import errors, measure


def test_errors_are_relative_norms():
    exact = {"Q": {"a": torch.tensor([3.0, 4.0]), "b": torch.tensor([0.0, 12.0])}}
    found = {"Q": {"a": torch.tensor([3.0, 4.5]), "b": torch.tensor([0.0, 12.0])}}
    row = errors(found, exact)
    assert row["Q"] == {"overall": pytest.approx(0.5 / 13), "worst": pytest.approx(0.1), "matrix": "a"}
    assert row["largest"] == pytest.approx(0.5 / 13)


def test_rounded_inputs_are_off_by_little(case, settings):
    found = measure(case, settings())
    assert list(found) == ["bf16", "int8"]
    for factors in found.values():
        assert 0 < factors["Q"]["overall"] <= factors["largest"] < 0.05
