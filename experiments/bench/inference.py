"""Latency of a decoder's forward pass without an adapter, with a merged one, and with one beside it.

Source: Hu et al. 2021, arXiv 2106.09685, table 1 and figure 5: GPT-2 medium.
"""

import copy
from collections.abc import Mapping
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2Model

import adalora
from adalora import AdapterConfig

from .config import BenchConfig
from .summary import ratios, summary
from .timing import time_rounds

BASE, MERGED = "base", "merged"
HEAD = 64
VOCABULARY = 50257


def measure(config: BenchConfig) -> dict[str, Any]:
    """Measure every batch and length of the grid.

    Returns:
        ``cells``, each with ``batch``, ``length``, ``base`` (a summary of seconds) and ``ratios`` to it by
        row of the table; and ``merged``, the median ratio of the merged model in the cell where it is
        furthest from 1.
    """
    models = contestants(config)
    grid = product(config.inference.batches, config.inference.lengths)
    cells = [_cell(models, batch, length, config) for batch, length in grid]
    merged = [cell["ratios"][MERGED]["median"] for cell in cells]
    return {"cells": cells, MERGED: max(merged, key=lambda ratio: abs(ratio - 1))}


def contestants(config: BenchConfig) -> dict[str, nn.Module]:
    """Return the rows of the table by name: another kind of adapter is one more row."""
    torch.manual_seed(config.seed)
    base = _decoder(config)
    ranks = config.inference.ranks
    merged = _with_lora(copy.deepcopy(base), max(ranks))
    adalora.merge_(merged)
    beside = {f"unmerged r={rank}": _with_lora(_sharing(base), rank) for rank in sorted(ranks)}
    return {BASE: base, MERGED: merged, **beside}


def _decoder(config: BenchConfig) -> nn.Module:
    width = config.inference.width
    layout = GPT2Config(
        n_layer=config.inference.layers,
        n_embd=width,
        n_head=max(1, width // HEAD),
        n_positions=max(config.inference.lengths),
        vocab_size=VOCABULARY,
    )
    model: nn.Module = GPT2Model(layout).to(config.device, getattr(torch, config.dtype))
    return model.eval()


def _sharing(model: nn.Module) -> nn.Module:
    """Return a copy of a model that shares its weights: an adapter beside them changes none."""
    return copy.deepcopy(model, {id(weight): weight for weight in model.parameters()})


def _with_lora(model: nn.Module, rank: int) -> nn.Module:
    """Put LoRA on the attention's query, key and value, with numbers in it as after a training."""
    adalora.inject(model, AdapterConfig(update="lora", rank=rank, target_modules=["c_attn"]))
    torch.manual_seed(rank)  # the same numbers, merged or not
    for layer in adalora.adapters(model).values():
        for factor in layer.updates.parameters():
            nn.init.normal_(factor, std=0.02)
    return model.eval()


def _cell(models: Mapping[str, nn.Module], batch: int, length: int, config: BenchConfig) -> dict[str, Any]:
    tokens = torch.randint(VOCABULARY, (batch, length), device=config.device)
    steps = {name: partial(_forward, model, tokens) for name, model in models.items()}
    times = time_rounds(steps, config.inference.rounds, 1, config.device)
    return {
        "batch": batch,
        "length": length,
        BASE: summary(times[BASE]),
        "ratios": ratios(times, BASE),
    }


@torch.inference_mode()
def _forward(model: nn.Module, tokens: Tensor, _round: int) -> None:
    model(tokens)
