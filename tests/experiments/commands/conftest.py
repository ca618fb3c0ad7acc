"""Trained runs on a tiny model, and what the commands say."""

import pytest

from experiments import files
from experiments.cli import main
from experiments.train import train
from tests.experiments import tiny

QUICK = {"baseline": {"head": False}, "evaluation": {"every": 0, "batch_size": 8}}


@pytest.fixture(scope="session")
def finished(bert, tmp_path_factory):
    """Return the folders of two runs: AdaLoRA with pruned triplets, and LoRA from another seed."""
    folder = tmp_path_factory.mktemp("finished")
    data = tiny.write_opinions(folder / "opinions")
    runs = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", folder / "cache")
        for name, changes in (("adalora", {}), ("lora", {"method": "lora", "seed": 1})):
            training = {"max_steps": 8, "batch_size": 4, "log_every": 4, "learning_rate": 0.02}
            config = tiny.config(
                bert, data, folder / "runs", name=name, training=training, **changes, **QUICK
            )
            train(config)
            runs[name] = files.path_of(config)
    return runs


@pytest.fixture
def say(capsys):
    """Return a function that runs a command which succeeds, and returns what it prints."""

    def run(*words):
        assert main([str(word) for word in words]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


@pytest.fixture
def refuse(capsys):
    """Return a function that runs a command which is refused, and returns the one line that it says."""

    def run(*words):
        capsys.readouterr()
        assert main([str(word) for word in words]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert "Traceback" not in said.err
        # Others tell of the rows that they read.
        (line,) = [line for line in said.err.splitlines() if line.startswith("adalora: ")]
        return line.removeprefix("adalora: ")

    return run
