"""What control costs as matrices grow in number: ``python -m experiments.planning.scale``.

Measured in whole training steps, forward and backward beside it.

The models are BERTs of width 16 with six adapted matrices a layer: so little is multiplied that the share of
control is as large as it gets. ``adalora bench --sections=[matrices]`` measures matrices of real sizes.
"""

import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification

import adalora

from ..bench.grid import grid
from ..bench.operations import operations
from ..bench.processor import processor
from ..bench.timing import time_of
from ..versions import current_commit
from .text import binary

LAYERS = (2, 20, 200)  # 12, 120 and 1,200 matrices
STEPS, WARM_UP, FINAL, INTERVAL = 16, 2, 2, 2
_WIDTH, _HIDDEN, _WORDS, _ROWS, _TOKENS = 16, 24, 40, 4, 16
RANK, TARGET = 4, 2


@dataclass(frozen=True)
class Cost:
    """What control has cost.

    Attributes:
        matrices: adapted matrices.
        scores: operations given to the device in a step that scores.
        allocates: and in one that prunes, too.
        control: median seconds of the controller in a step.
        step: median seconds of the rest: forward, backward, AdamW.
        bytes: of the controller's tensors before the first step.
        after: and after the last, when pruned triplets are gone.
    """

    matrices: int
    scores: int
    allocates: int
    control: float
    step: float
    bytes: int
    after: int


def tiny_bert(layers: int) -> nn.Module:
    """Return a BERT of so many layers with random weights, without dropout, six linear layers in each."""
    settings = BertConfig(
        vocab_size=_WORDS,
        hidden_size=_WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=_HIDDEN,
        max_position_embeddings=_TOKENS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=2,
    )
    model: nn.Module = BertForSequenceClassification(settings)
    return model


def adapter() -> adalora.AdapterConfig:
    """Return what is put on it: everything in its layers."""
    return adalora.AdapterConfig(
        rank=RANK,
        target_modules=["query", "key", "value", "dense"],
        exclude_modules=["pooler"],
        train_modules=["classifier"],
    )


def allocation(steps: int = STEPS) -> adalora.AllocationConfig:
    """Return a run of so many steps, every second of which prunes but for the first and last."""
    return adalora.AllocationConfig(
        target_rank=TARGET,
        total_steps=steps,
        warmup_steps=WARM_UP,
        final_steps=FINAL,
        interval=INTERVAL,
        orthogonality=0.1,
    )


def measure(layers: int, steps: int = STEPS, seed: int = 0) -> Cost:
    """Train a whole short run, with a clock around the controller's part of every step.

    Args:
        layers: of the model, six matrices each.
        steps: of the run, at least eight.
        seed: of weights and rows.
    """
    torch.manual_seed(seed)
    model = adalora.inject(tiny_bert(layers), adapter())
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    controller = adalora.AdaLoRAController(model, allocation(steps))
    first = controller.nbytes
    counts: dict[bool, int] = {}
    control, rest = [], []
    for step, batch in enumerate(_batches(steps, seed), start=1):
        rest.append(time_of(partial(_learn, model, batch), "cpu"))
        prunes = controller.schedule.is_update(step)
        counted = step > WARM_UP and prunes not in counts  # the first step unmasks everything, one by one
        steer, prune = partial(controller.before_step, optimizer), partial(controller.after_step, optimizer)
        if counted:  # counting takes time of its own
            before = operations(steer)
            optimizer.step()
            counts[prunes] = before + operations(prune)
            rest.pop()
        else:
            own = time_of(steer, "cpu")
            rest[-1] += time_of(optimizer.step, "cpu")
            control.append(own + time_of(prune, "cpu"))
        optimizer.zero_grad()
    return Cost(
        matrices=len(controller.ranks()),
        scores=counts[False],
        allocates=counts[True],
        control=median(control[1:]),
        step=median(rest[1:]),
        bytes=first,
        after=controller.nbytes,
    )


def _batches(steps: int, seed: int) -> Iterator[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        yield {
            "input_ids": torch.randint(_WORDS, (_ROWS, _TOKENS), generator=generator),
            "labels": torch.randint(2, (_ROWS,), generator=generator),
        }


def _learn(model: Any, batch: dict[str, Tensor]) -> None:
    model(**batch).loss.backward()


def table(costs: Sequence[Cost]) -> str:
    """Return the costs as a Markdown table."""
    head = ["matrices", "operations, scoring", "and pruning", "control", "rest of the step", "share"]
    head += ["controller", "after pruning"]
    rows = [
        [
            f"{one.matrices:,}",
            str(one.scores),
            str(one.allocates),
            f"{1e3 * one.control:.2f} ms",
            f"{1e3 * one.step:.1f} ms",
            f"{100 * one.control / (one.control + one.step):.1f} %",
            binary(one.bytes),
            binary(one.after),
        ]
        for one in costs
    ]
    return grid(head, rows)


def main() -> None:
    """Measure, and print the table with the machine."""
    costs = [measure(layers) for layers in LAYERS]
    about = f"{processor()}, {torch.get_num_threads()} threads, cpu, float32; torch {torch.__version__}"
    sys.stdout.write(
        f"{about}, Python {platform.python_version()}; seed 0, commit {current_commit()}\n\n{table(costs)}\n"
    )


if __name__ == "__main__":
    main()
