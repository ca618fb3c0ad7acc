"""Runs and results of sweeps that nothing trains."""

from dataclasses import replace

import pytest

from experiments.sweeps.entries import Entry


@pytest.fixture
def rated(config):
    """Return a maker of runs: of LoRA, by learning rate and seed."""

    def make(rate, seed):
        usual = config(method="lora")
        training = replace(usual.training, learning_rate=rate)
        return replace(usual, name=f"rate_{rate}-seed_{seed}", training=training, seed=seed)

    return make


@pytest.fixture
def choosing(rated):
    """Return a maker of entries that choose a learning rate, deciding by some seeds and comparing others."""

    def make(name="lora", rates=(1e-3, 1e-2), decide=(0,), compare=(0, 1)):
        def runs(seeds):
            return {rate: tuple(rated(rate, seed) for seed in seeds) for rate in rates}

        return Entry(name, {}, finals=runs(compare), trials=runs(decide))

    return make


@pytest.fixture
def score():
    """Return a writer of made-up results: a run's accuracy on the validation rows, and on those of the tests."""

    def write(store, run, validation, *, seconds=10, **tests):
        parts = {"validation": validation, **tests}
        scores = {part: {"accuracy": value} for part, value in parts.items()}
        losses = {part: 1.0 - value for part, value in parts.items()}
        store.write(run, {"headline": "accuracy", "scores": scores, "losses": losses, "seconds": seconds})

    return write
