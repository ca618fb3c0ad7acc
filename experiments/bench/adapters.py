"""Several adapters on one model: what a switch between two costs, and a batch that mixes three."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import adalora
from adalora import AdapterConfig

from .cases import CASES
from .config import BenchConfig
from .summary import ratios, summary
from .timing import Step, time_rounds

CASE = "minilm"
TASKS, THIRD = ("first", "second"), "third"
SENTENCE = 16  # tokens
SIZES = ((3, 16), (12, 32), (48, 64))
ROUNDS = 25


def measure(config: BenchConfig) -> dict[str, Any]:
    """Measure on the layout of MiniLM, every linear layer adapted.

    Returns:
        ``case``; ``forward``, a summary of the seconds of one sentence; ``switch``, the ratio of one
        `adalora.set_adapter` to it; and ``mixed``, the ratio of a batch in which three adapters of different
        kind and rank take turns to one with a single adapter, by size of the batch, with ``worst``, the
        largest median.
    """
    torch.manual_seed(config.seed)
    model = CASES[CASE].make().to(config.device).eval()
    first, second, third = _adapters(config)
    for name, adapter in zip(TASKS, (first, second), strict=True):
        adalora.inject(model, adapter, name)
    _move(model)
    switched = _switch(model, config)
    adalora.inject(model, third, THIRD)
    _move(model)
    mixed = {f"{batch} × {length}": _mixed(model, batch, length, config) for batch, length in SIZES}
    worst = max(one["median"] for one in mixed.values())
    return {"case": CASE, **switched, "mixed": mixed, "worst": worst}


def _adapters(config: BenchConfig) -> list[AdapterConfig]:
    """Return three of different kind and rank, each with a head of its own."""
    settings: Any = {
        "target_modules": ["query", "key", "value", "dense"],
        "exclude_modules": ["pooler"],
        "train_modules": ["classifier"],
    }
    rank = config.target_rank
    return [
        AdapterConfig(rank=config.rank, **settings),
        AdapterConfig(update="lora", rank=rank, **settings),
        AdapterConfig(update="lora", rank=max(1, rank // 2), scaling="rslora", **settings),
    ]


def _move(model: nn.Module) -> None:
    """Put numbers in the adapters, as after a training."""
    for layer in adalora.adapters(model).values():
        for factor in layer.updates.parameters():
            nn.init.normal_(factor, std=0.02)


@torch.inference_mode()
def _forward(model: nn.Module, tokens: Tensor, _round: int) -> None:
    model(tokens)


def _switch(model: nn.Module, config: BenchConfig) -> dict[str, Any]:
    """Switch to the other of two task adapters in every round, each with a head of its own."""
    _move(model)
    tokens = _tokens(model, 1, SENTENCE)

    def switch(number: int) -> None:
        adalora.set_adapter(model, TASKS[number % 2])

    steps: dict[str, Step] = {"forward": partial(_forward, model, tokens), "switch": switch}
    times = time_rounds(steps, ROUNDS, 3, config.device)
    return {"forward": summary(times["forward"]), "switch": ratios(times, "forward")["switch"]}


def _mixed(model: nn.Module, batch: int, length: int, config: BenchConfig) -> dict[str, float]:
    tokens = _tokens(model, batch, length)
    names = [(*TASKS, THIRD)[row % 3] for row in range(batch)]
    adalora.set_adapter(model, TASKS[0])

    def mixed(number: int) -> None:
        with adalora.route(model, names):
            _forward(model, tokens, number)

    steps: dict[str, Step] = {"single": partial(_forward, model, tokens), "mixed": mixed}
    times = time_rounds(steps, ROUNDS, 3, config.device)
    return ratios(times, "single")["mixed"]


def _tokens(model: Any, batch: int, length: int) -> Tensor:
    words = model.get_input_embeddings().num_embeddings
    return torch.randint(words, (batch, length), device=model.device)
