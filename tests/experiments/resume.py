"""Runs that are stopped on the way, and what is compared of them."""

import json

import pytest
from safetensors.torch import load_file
from transformers import TrainerCallback

from experiments import files
from experiments import train as module

TIMES = ("_runtime", "_per_second")


class Stop(TrainerCallback):
    """Ends the training at a step, as Ctrl-C does."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


def stopped(config, label, step, monkeypatch):
    """Train a run until a step of its own method, and leave it unfinished."""
    whole = module.fit

    def fit(*args, **words):
        own = [Stop(step)] if words["label"] == label else []
        return whole(*args, **words | {"callbacks": [*words["callbacks"], *own]})

    with monkeypatch.context() as patch:
        patch.setattr(module, "fit", fit)
        with pytest.raises(KeyboardInterrupt):
            module.train(config)


def tensors(folder):
    """Return every tensor that a finished run has kept, by name; files of adapters have names of their own."""
    paths = [path for path in folder.rglob("*.safetensors") if "checkpoint-" not in str(path)]
    return {
        f"{path.parent.name}/{path.name.partition('-')[0]}/{name}": tensor
        for path in paths
        for name, tensor in load_file(path).items()
    }


def rows(folder, name):
    """Return what a finished run wrote on the way, without times."""
    if not (folder / name).exists():
        return []
    lines = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    # The Trainer's last row is a mean over its own sitting.
    own = [line for line in lines if "train_loss" not in line]
    return [{key: value for key, value in line.items() if not key.endswith(TIMES)} for line in own]


def same(one, other):
    """Raise unless two finished runs have come to the same, bit for bit."""
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    assert first
    assert [name for name in first if not first[name].equal(second[name])] == []
    for name in (files.METRICS, files.TRIPLETS):
        differing = [
            pair for pair in zip(rows(one, name), rows(other, name), strict=True) if pair[0] != pair[1]
        ]
        assert not differing, differing[0]
