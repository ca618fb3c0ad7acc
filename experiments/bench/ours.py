"""LoRA and AdaLoRA as this package trains them."""

from typing import Any

from torch import nn

import adalora
from adalora import AdapterConfig, AllocationConfig
from adalora.updates.parts import Precision

from .cases import Case, batches
from .config import BenchConfig
from .racer import Racer, adamw, own_loss, start_model
from .timetable import INTERVAL, PRUNING, SHRUNK, Timetable

ALPHA, ORTHOGONALITY = 16.0, 0.1


def lora(case: Case, config: BenchConfig) -> Racer:
    """Return LoRA of rank ``target_rank``."""
    model = start_model(case, config)
    adalora.inject(model, adapter(config, update="lora", rank=config.target_rank))
    return Racer(model, own_loss(model), adamw(model))


def adaptive(
    case: Case, config: BenchConfig, timetable: Timetable = PRUNING, save_input: Precision = "exact"
) -> Racer:
    """Return AdaLoRA with its controller attached, before its first step.

    Args:
        case: model and batch.
        config: ranks and modules.
        timetable: when the budget falls; at first it does so all the time.
        save_input: as in `adalora.AdapterConfig`.
    """
    model = with_triplets(case, config, save_input)
    optimizer = adamw(model)
    adalora.AdaLoRAController(model, allocation(config.target_rank, timetable)).attach(optimizer)
    return Racer(model, own_loss(model), optimizer)


def shrunk(case: Case, config: BenchConfig) -> Racer:
    """Return AdaLoRA in its final phase: the pattern is frozen, and the tensors hold what was kept."""
    racer = adaptive(case, config, SHRUNK)
    for batch in batches(racer.model, case, SHRUNK.decision + 1, config.seed):
        racer.step(batch)
    return racer


def with_triplets(case: Case, config: BenchConfig, save_input: Precision = "exact") -> nn.Module:
    """Return the model with AdaLoRA's updates, and no controller."""
    model = start_model(case, config)
    return adalora.inject(model, adapter(config, rank=config.rank, save_input=save_input))


def adapter(config: BenchConfig, **fields: Any) -> AdapterConfig:
    """Return the settings of an adapter on the modules of the benchmark."""
    return AdapterConfig(
        recipe="paper",  # as peft has it
        alpha=ALPHA,
        target_modules=config.target_modules,
        exclude_modules=config.exclude_modules,
        **fields,
    )


def allocation(target_rank: int, timetable: Timetable) -> AllocationConfig:
    """Return the settings of a controller."""
    return AllocationConfig(
        target_rank=target_rank,
        total_steps=timetable.total,
        warmup_steps=timetable.warmup,
        final_steps=timetable.final,
        interval=INTERVAL,
        orthogonality=ORTHOGONALITY,
        orthogonality_form="mean_norm",
    )
