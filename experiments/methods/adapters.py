"""Methods that put an adapter on the model: they differ in nothing but their settings."""

from pathlib import Path

from torch import nn
from transformers import TrainerCallback

import adalora

from .. import files
from ..config import RunConfig


def put_on(model: nn.Module, config: RunConfig) -> list[TrainerCallback]:
    """Inject the adapter; where its update is one whose rank adapts, return what allocates the rank."""
    adalora.inject(model, config.adapter)
    return [adalora.AdaLoRACallback(config.allocation)] if config.adapter.update == "svd" else []


def save(model: nn.Module, callbacks: list[TrainerCallback], folder: Path) -> None:
    """Write the adapter into the folder of a run."""
    adalora.save(model, folder / files.ADAPTER, controller_of(callbacks))


def load(model: nn.Module, folder: Path) -> None:
    """Put the adapter of a run on its base model.

    Raises:
        CheckpointError: it is not there, is damaged, or does not fit the model.
    """
    adalora.load(model, folder / files.ADAPTER)


def controller_of(callbacks: list[TrainerCallback]) -> adalora.AdaLoRAController | None:
    """Return the controller that a method's callbacks have made, once training has begun; else None."""
    return next((c.controller for c in callbacks if isinstance(c, adalora.AdaLoRACallback)), None)
