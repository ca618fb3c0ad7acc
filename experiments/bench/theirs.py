"""LoRA and AdaLoRA as the peft library trains them."""

import warnings
from importlib import import_module
from itertools import count
from typing import Any

from adalora.errors import ConfigError, DataError
from adalora.targets import survey

from .cases import Case
from .config import BenchConfig
from .ours import ALPHA, ORTHOGONALITY, adapter
from .racer import Racer, adamw, own_loss, start_model
from .timetable import INTERVAL, PRUNING, Timetable


def lora(case: Case, config: BenchConfig) -> Racer:
    """Return LoRA of rank ``target_rank``."""
    model = _adapted(case, config, "LoraConfig", r=config.target_rank)
    return Racer(model, own_loss(model), adamw(model))


def adaptive(case: Case, config: BenchConfig, timetable: Timetable = PRUNING) -> Racer:
    """Return AdaLoRA, before its first step: told of every step, as peft asks, and with its penalty.

    Args:
        case: model and batch.
        config: ranks and modules.
        timetable: when the budget falls; at first it does so all the time.
    """
    model = _adapted(
        case,
        config,
        "AdaLoraConfig",
        init_r=config.rank,
        target_r=config.target_rank,
        total_step=timetable.total,
        tinit=timetable.warmup,
        tfinal=timetable.final,
        deltaT=INTERVAL,
        orth_reg_weight=ORTHOGONALITY,
    )
    steps = count(1)
    # Without a task_type the outer model passes its own forward by, which alone adds the penalty.
    inner = model.base_model
    return Racer(model, own_loss(inner), adamw(model), after=lambda: inner.update_and_allocate(next(steps)))


def require_peft() -> Any:
    """Return the library.

    Raises:
        DataError: it is not installed; the message says how to get it.
    """
    try:
        return import_module("peft")
    except ImportError as error:
        raise DataError(
            'the benchmark compares with the package peft; install it with the extra "peft": '
            'python -m pip install "adalora[peft]"'
        ) from error


def _adapted(case: Case, config: BenchConfig, kind: str, **fields: Any) -> Any:
    """Return a model with peft's adapters on the very modules that ours are put on.

    Raises:
        ConfigError: peft does not know such modules.
    """
    peft = require_peft()
    model = start_model(case, config)
    modules = [one.names[0] for one in survey(model, adapter(config, rank=config.rank)).targets]
    try:
        with warnings.catch_warnings():
            # peft reads a property of transformers that is deprecated, which is not for our user to mend.
            warnings.simplefilter("ignore", FutureWarning)
            return peft.get_peft_model(
                model, getattr(peft, kind)(lora_alpha=ALPHA, target_modules=modules, **fields)
            )
    except ValueError as error:
        raise ConfigError(
            f"target_modules is {config.target_modules!r}, which peft does not adapt in {case.name}: {error}"
        ) from error
