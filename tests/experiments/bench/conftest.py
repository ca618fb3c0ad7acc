"""A case that takes milliseconds, and settings that fit it."""

import pytest

from experiments.bench.cases import Case
from experiments.bench.config import BenchConfig, InferenceConfig, SweepConfig
from tests.models import bert as small_bert

MATRICES = 12


@pytest.fixture
def case():
    return Case("small", batch=3, tokens=8, make=small_bert)


@pytest.fixture
def settings(tmp_path):
    """Return a maker of settings: fields given replace those of a small benchmark."""

    def make(**changes):
        fields = {
            "rank": 4,
            "target_rank": 2,
            "rounds": 3,
            "warmup_rounds": 1,
            "run_steps": 20,
            "threads": 1,
            "seeds": [0],
            "sweep": SweepConfig(matrices=[12, 24], ranks=[1, 3], rounds=2),
            "inference": InferenceConfig(layers=1, width=64, batches=[1], lengths=[8], ranks=[2], rounds=3),
            "output": str(tmp_path / "bench"),
        }
        return BenchConfig(**fields | changes)

    return make


@pytest.fixture
def record():
    """Return a record with made-up numbers in every section."""
    ratio = {"median": 1.1, "lower": 1.05, "upper": 1.2, "n": 20}
    second = {"median": 0.5, "lower": 0.4, "upper": 0.6, "n": 20}
    names = ["full", "peft_lora", "peft_adalora", "lora", "adalora", "adalora_shrunk"]
    cases = ["bert-4x768", "minilm", "bert-6x768"]
    error = {"overall": 0.004, "worst": 0.008, "matrix": "a.query"}
    sections = {
        "steps": {"seconds": {"floor": second}, "ratios": dict.fromkeys(names, ratio)},
        "run": {
            "steps": 300,
            "seconds": {"adalora": 100.0, "peft_adalora": 120.0},
            "ratio": 1.2,
            "per_step": ratio,
            "phases": {"warm-up": ratio, "pruning": ratio, "final": ratio},
        },
        "memory": {
            "kept": {"floor": 2**20, "peft_lora": 3 * 2**20, "adalora": 2 * 2**20},
            "share": {"peft_lora": 2 * 2**20, "adalora": 2**20},
            "against_peft": {"peft_lora": 1.0, "adalora": 0.5},
        },
        "control": {"seconds": second, "share": {**ratio, "median": 0.0123}},
        "gradients": {"int8": {"P": error, "lam": error, "Q": error, "largest": 0.004}},
    }
    operations = {"seconds": second, "operations": {"scores": 110, "allocates": 150}}
    return {
        "settings": {
            "rank": 12,
            "target_rank": 8,
            "dtype": "float32",
            "device": "cpu",
            "run_steps": 300,
            "rounds": 20,
            "model": None,
            "seed": 0,
        },
        "versions": {
            "commit": "abc",
            "packages": {"torch": "2.13", "transformers": "5.0", "peft": "0.21"},
            "machine": {"processor": "A CPU", "cores": 2, "threads": 2},
        },
        "seconds": {},
        "sections": {
            **{name: dict.fromkeys(cases, found) for name, found in sections.items()},
            "peak": {"case": "bert-4x768", "peak": {"floor": 2**20, "adalora": 2**21}},
            "matrices": {
                "case": "bert-4x768",
                "rows": {"12": operations, "1200": operations},
                "growth": 1.0,
            },
            "ranks": {"case": "bert-4x768", "seconds": {}, "ratios": {"1": ratio, "256": ratio}},
            "accuracy": {
                "task": "rotten_tomatoes",
                "metric": "accuracy",
                "seeds": [0, 1],
                "scores": {"exact": [0.8, 0.81], "int8": [0.801, 0.811]},
                "difference": 0.1,
            },
            "inference": {
                "cells": [{"batch": 1, "length": 8, "base": second, "ratios": {"merged": ratio}}],
                "merged": 1.1,
            },
            "adapters": {
                "case": "minilm",
                "forward": second,
                "switch": ratio,
                "mixed": {"3 × 16": ratio},
                "worst": 1.1,
            },
        },
    }
