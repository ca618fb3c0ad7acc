"""The model of a run without its numbers: on the meta device, with the method's changes on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from adalora.errors import DataError

from .. import methods, tasks
from ..config import RunConfig
from ..fit import count_steps, count_weights
from ..methods import Method
from ..models import layout
from ..problems import Problem
from ..quantization import planned
from ..tasks import Splits, Task
from .quantised import quantised_bytes


@dataclass(frozen=True)
class Base:
    """The model before the method.

    Attributes:
        weights: number of all weights.
        loaded: bytes of all of them in float32, as which they are read, buffers included.
        kept: bytes once those that shall be are quantised.
        quantised: number of the weights that are.
    """

    weights: int
    loaded: int
    kept: int
    quantised: int


@dataclass(frozen=True)
class Subject:
    """What is planned.

    Attributes:
        config: settings that the method really takes.
        method: the method.
        problem: kind of problem of the task.
        base: the model before the method.
        model: the model with the method's changes; its tensors have shapes and no numbers.
        steps: optimizer steps of the run; None where the rows cannot be counted.
        why: why not.
    """

    config: RunConfig
    method: Method
    problem: Problem
    base: Base
    model: nn.Module
    steps: int | None
    why: str = ""


def subject(config: RunConfig) -> Subject:
    """Return the model of a run with its method on it; no weight is read and none is allocated.

    Rows are read where nothing else tells what they hold: the classes of a ``hub:`` task, and their number
    where ``training.max_steps`` does not stand in for it.

    Raises:
        ConfigError: a setting is wrong, or does not fit the method, the task or the model.
        TargetError: the adapter does not fit the model.
        DataError: the model is not there, or the rows of a ``hub:`` task are not.
    """
    method = methods.get(config.method)
    config = method.resolve(config)
    task = tasks.get(config.task, config.data)
    splits = task.load(config.data) if task.classes is None else None
    classes = splits.classes if splits else task.classes or ()
    steps, why = _steps(config, task, splits)
    model = _bare(config, task.problem, classes)
    base = _base(model, config)
    method.prepare(model, config)
    return Subject(config, method, task.problem, base, model, steps, why)


def tensor_bytes(model: nn.Module) -> int:
    """Return the bytes of all parameters and buffers; what hangs in two places counts once."""
    return sum(tensor.nbytes for tensors in (model.parameters(), model.buffers()) for tensor in tensors)


def _bare(config: RunConfig, problem: Problem, classes: Sequence[str]) -> nn.Module:
    model: nn.Module = layout(config.model, problem, classes)
    if problem.lengths:  # of texts: finishing it changes no weight, and would need its tokenizer
        return model
    finished: nn.Module = problem.finish(model, problem.load_processor(config.model), classes)
    return finished


def _base(model: nn.Module, config: RunConfig) -> Base:
    weights, loaded = count_weights(model), tensor_bytes(model)
    if config.quantization.kind is None:
        return Base(weights, loaded, loaded, 0)
    shapes = [target.shape for target in planned(model, config)]
    turned = sum(d1 * d2 for d1, d2 in shapes)
    kept = loaded - turned * torch.float32.itemsize + quantised_bytes(shapes, config.quantization)
    return Base(weights, loaded, kept, turned)


def _steps(config: RunConfig, task: Task, splits: Splits | None) -> tuple[int | None, str]:
    training = config.training
    if training.max_steps:
        return training.max_steps, ""
    try:
        rows = len((splits or task.load(config.data)).train)
    except DataError as error:
        return None, str(error)
    most = config.data.train_rows
    rows = rows if most is None else min(rows, most)
    return count_steps(rows, training, max(1, torch.cuda.device_count())), ""
