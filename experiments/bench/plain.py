"""The two ends: the frozen model that any training must run, and the model trained in full."""

from collections.abc import Sequence
from typing import Any

from adalora.targets import survey

from . import ours
from .cases import Case
from .config import BenchConfig
from .racer import Racer, adamw, own_loss, start_model


def floor(case: Case, config: BenchConfig) -> Racer:
    """Return the frozen model with a forward and the gradients of its activations: nothing is adapted.

    These begin at the inputs of the modules that others adapt: below them adapters need none either.
    """
    model = start_model(case, config).requires_grad_(False)
    for target in survey(model, ours.adapter(config, rank=config.rank)).targets:
        target.module.register_forward_pre_hook(_ask_for_gradient)
    return Racer(model, own_loss(model))


def _ask_for_gradient(_module: object, inputs: Sequence[Any]) -> None:
    x = inputs[0]
    if x.is_floating_point() and not x.requires_grad:
        # In place: the input's other readers, such as the residual connection, pass gradients to it too.
        x.requires_grad_()


def full(case: Case, config: BenchConfig) -> Racer:
    """Return the model with all its weights trained."""
    model = start_model(case, config)
    return Racer(model, own_loss(model), adamw(model))
