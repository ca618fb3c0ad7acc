"""Runs with exact and with rounded inputs."""

import pytest

from experiments.bench import accuracy


def test_every_seed_is_trained_in_both_ways(config, monkeypatch):
    runs = []

    def record(reviews, kind, seed):
        runs.append((kind, seed))
        return "accuracy", 0.8 + 0.01 * seed + (0.002 if kind == "int8" else 0)

    monkeypatch.setattr(accuracy, "_train", record)
    found = accuracy.measure(config(), [0, 1])
    assert runs == [("exact", 0), ("int8", 0), ("exact", 1), ("int8", 1)]
    assert found["scores"] == {"exact": [0.8, 0.81], "int8": [0.802, 0.812]}
    assert found["difference"] == pytest.approx(0.2)
    assert (found["metric"], found["seeds"]) == ("accuracy", [0, 1])


def test_a_run_is_the_training_that_ships(config, tmp_path):
    found = accuracy.measure(config(), [3])
    assert found["task"] == "hub:opinions"
    assert all(0 <= value <= 1 for values in found["scores"].values() for value in values)
    assert not (tmp_path / "runs").exists()  # nothing is left where runs lie
