"""Small runs on one base model, made once."""

import json

import pytest
import torch
from transformers import BertForSequenceClassification

import adalora
from adalora import AdapterConfig
from tests.models import bert

TARGETS = ["query", "value"]


def make_run(folder, base, seed, *, history=True, rank=3, targets=TARGETS, **fields):
    """Save an adapter as a run does, without training: random numbers in every factor."""
    model = BertForSequenceClassification.from_pretrained(base)
    adalora.inject(model, AdapterConfig(rank=rank, target_modules=list(targets), **fields))
    torch.manual_seed(seed)
    layers = adalora.adapters(model)
    for number, layer in enumerate(layers.values()):
        for parameter in layer.update.parameters():
            parameter.data = 0.1 * torch.randn_like(parameter)
        if history:
            layer.update.mask[: (seed + number) % rank] = False
            layer.update.lam.data *= layer.update.mask
    adalora.save(model, folder / "adapter")
    if history:
        ranks = {name: layer.rank for name, layer in layers.items()}
        rows = [
            {
                "step": 0,
                "budget": rank * len(layers),
                "threshold": None,
                "ranks": dict.fromkeys(layers, rank),
            },
            {"step": 5, "budget": sum(ranks.values()), "threshold": 0.1, "ranks": ranks},
        ]
        (folder / "allocation.json").write_text(json.dumps(rows))
        lines = [
            {
                "step": 5,
                "scores": {name: torch.rand(rank).tolist() for name in layers},
                "alive": {name: layer.update.mask.int().tolist() for name, layer in layers.items()},
            }
        ]
        (folder / "triplets.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """A folder with a base model and three runs, one of them of a fixed rank."""
    folder = tmp_path_factory.mktemp("läufe 1")
    base = folder / "base"
    bert().save_pretrained(base)
    make_run(folder / "seed 0", base, 0)
    make_run(folder / "seed 1", base, 1)
    make_run(folder / "lora", base, 2, history=False, update="lora")
    return folder
