"""Bytes of a run in memory and on disk."""

from dataclasses import dataclass, replace
from math import prod

import torch
from torch import nn

import adalora
from adalora.controller_state import name_averages
from adalora.injected import found_modules
from adalora.measurement import Measurement
from adalora.scorers import make_scorer
from adalora.steered import budget_schedule, svd_updates

from ..config import RunConfig, TrainingConfig
from ..methods.counts import free_weights
from .subject import Subject, tensor_bytes
from .tensors_file import Entry, file_bytes
from .trained import NAME, Trained, entry, trained

_FLOAT = torch.float32.itemsize
_DECISION = _FLOAT + 1  # bytes for each triplet: its score at the latest budget update, and whether it lives
_ANY_STEPS = 10**9  # where the steps are not known: what is left in the end does not depend on them
_WHOLE = 4096  # bitsandbytes keeps the state of smaller tensors in 32 bits
_CODED = 256  # numbers that share a float32 in an 8-bit state


@dataclass(frozen=True)
class Sizes:
    """What a run takes.

    Attributes:
        matrices: adapted matrices.
        start: what is trained at first.
        end: what is trained once pruned triplets are gone; as at first where nothing is pruned. A budget does
            not say of which matrices: all are taken to keep ``target_rank``.
        model: bytes of the model with everything on it.
        gradients: bytes of the gradients.
        optimizer: bytes of the optimizer's state.
        controller: bytes of what steers the rank; 0 where nothing does.
        checkpoint: bytes of a checkpoint of the Trainer; its small files, some 20 KiB, are left out.
    """

    matrices: int
    start: Trained
    end: Trained
    model: int
    gradients: int
    optimizer: int
    controller: int
    checkpoint: int

    @property
    def training(self) -> int:
        """Bytes that a step needs, activations apart."""
        return self.model + self.gradients + self.optimizer + self.controller


def sizes(subject: Subject) -> Sizes:
    """Return what a run takes.

    Raises:
        ConfigError: the budget is above what there is at the start, or the steps are too few to prune in.
    """
    model, config, base = subject.model, subject.config, subject.base
    layers = adalora.adapters(model)
    start = trained(model, layers, config, None)
    end, controller = start, 0
    if layers and config.adapter.update == "svd":
        measurement = _measurement(model, config)
        triplets = sum(update.lam.numel() for update in svd_updates(model, NAME).values())
        controller = measurement.nbytes + _DECISION * triplets
        start = replace(start, resume=_averages(measurement, model))
        _require_budget(subject)
        if config.allocation.compact:
            rank = min(config.allocation.target_rank, config.adapter.rank)
            end = replace(trained(model, layers, config, rank), resume=_averages(measurement, model, rank))
        else:
            end = start
    free = free_weights(model)
    optimizer = optimizer_bytes(model, config.training)
    # Buffers and copies that a method adds count like its weights.
    whole = tensor_bytes(model) + _found(model) - base.loaded + base.kept
    return Sizes(
        matrices=sum(prod(layer.kind.shape(layer.base)[:-2]) for layer in layers.values()),
        start=start,
        end=end,
        model=whole,
        gradients=_FLOAT * free,
        optimizer=optimizer,
        controller=controller,
        checkpoint=_state(model) - base.loaded + base.kept + optimizer + start.file + start.resume,
    )


def optimizer_bytes(model: nn.Module, training: TrainingConfig) -> int:
    """Return the bytes of AdamW's state: two numbers a trained weight, and one for each tensor, its step.

    In float32, but for tensors of 4,096 numbers or more with ``adamw_8bit`` and ``paged_adamw_8bit`` on a
    CUDA device: two bytes a weight, and two float32 for every 256.
    """
    counts = [parameter.numel() for parameter in model.parameters() if parameter.requires_grad]
    eight = training.optimizer.endswith("8bit") and torch.cuda.is_available()
    small = [count for count in counts if not eight or count < _WHOLE]
    large = [count for count in counts if eight and count >= _WHOLE]
    coded = sum(2 * count + 2 * _FLOAT * -(-count // _CODED) for count in large)
    return 2 * _FLOAT * sum(small) + _FLOAT * len(counts) + coded


def _measurement(model: nn.Module, config: RunConfig) -> Measurement:
    """Return what the controller would keep, on the meta device like the model."""
    allocation = config.allocation
    scorer = make_scorer(allocation.scorer, allocation.beta1, allocation.beta2)
    return Measurement(list(svd_updates(model, NAME).values()), scorer)


def _averages(measurement: Measurement, model: nn.Module, rank: int | None = None) -> int:
    """Return the bytes of the file of averages with so many triplets in each; None for as many as now."""
    entries: dict[str, Entry] = {}
    for one in name_averages(measurement.averages(), list(svd_updates(model, NAME))):
        shape = list(one.tensor.shape)
        shape[one.dim] = shape[one.dim] if rank is None else rank
        entries[one.name] = (shape, one.tensor.dtype)
    return file_bytes(entries)


def _require_budget(subject: Subject) -> None:
    allocation = subject.config.allocation
    total = allocation.total_steps or subject.steps or _ANY_STEPS
    budget_schedule(replace(allocation, total_steps=total), list(svd_updates(subject.model, NAME).values()))


def _found(model: nn.Module) -> int:
    """Return the bytes of the copies of modules trained in full, as they were before."""
    return sum(tensor_bytes(module) for module in found_modules(model).values())


def _state(model: nn.Module) -> int:
    """Return the bytes of the model in a file: buffers that are not kept there are left out."""
    entries = {id(one): (name, one) for name, one in reversed(model.state_dict(keep_vars=True).items())}
    return file_bytes({name: entry(tensor) for name, tensor in entries.values()})
