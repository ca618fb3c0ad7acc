"""Bytes kept for the backward pass."""

from functools import partial

import torch
from torch import nn

from experiments.bench.cases import Case, random_bert
from experiments.bench.kept import kept_bytes, measure


def test_every_memory_counts_once_and_weights_do_not():
    model = nn.ModuleList([nn.Linear(4, 4, bias=False) for _ in range(2)])
    x = torch.randn(5, 4, requires_grad=True) * 1.0
    assert kept_bytes(model, lambda: sum(layer(x).sum() for layer in model)) == 4 * 5 * 4


def test_the_floor_keeps_least(case, settings):
    found = measure(case, settings())
    assert min(found["kept"], key=found["kept"].get) == "floor"
    assert all(share > 0 for share in found["share"].values())
    assert found["against_peft"]["peft_lora"] == 1.0
    kept = found["kept"]
    assert kept["adalora_int8"] < kept["adalora_bf16"] < kept["adalora"]


def test_adapters_keep_no_more_than_those_of_peft(settings):
    """The gate on bytes: at a real width, where the inputs are most of what is kept."""
    wide = Case("wide", batch=2, tokens=32, make=partial(random_bert, 1, 768))
    against = measure(wide, settings(rank=12, target_rank=8))["against_peft"]
    assert against["lora"] <= 1.0
    assert against["adalora"] <= against["peft_adalora"]
    assert against["adalora_int8"] <= 0.35
