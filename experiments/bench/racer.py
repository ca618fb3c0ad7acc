"""A model that takes training steps: what every contestant comes down to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .cases import Batch, Case
from .config import BenchConfig

LEARNING_RATE = 1e-4


def _nothing() -> None:
    """Stand for what a contestant does not do."""


@dataclass(frozen=True)
class Racer:
    """A model, and what a training step of it consists of.

    Attributes:
        model: on its device, in training mode.
        loss: batch -> the loss that is differentiated, penalties in it included.
        optimizer: None where nothing is trained.
        after: called between the optimizer's step and ``zero_grad``.
    """

    model: nn.Module
    loss: Callable[[Batch], Tensor]
    optimizer: Optimizer | None = None
    after: Callable[[], None] = _nothing

    def step(self, batch: Batch) -> None:
        """Take a whole training step: forward, backward, update, allocation."""
        self.backward(batch)
        if self.optimizer is not None:
            self.optimizer.step()
            self.after()
            self.optimizer.zero_grad()

    def backward(self, batch: Batch) -> None:
        """Run forward and backward."""
        torch.autograd.backward(self.loss(batch))

    def rehearse(self, batch: Batch) -> None:
        """Run forward and backward once and forget it, so that no first use of memory is timed."""
        self.backward(batch)
        self.model.zero_grad()


def start_model(case: Case, config: BenchConfig) -> nn.Module:
    """Return the model of a case in training mode: the same weights, in every call, for all contestants."""
    torch.manual_seed(config.seed)
    return case.make().to(config.device, getattr(torch, config.dtype)).train()


def own_loss(model: Any) -> Callable[[Batch], Tensor]:
    """Return the loss that a model of `transformers` computes by itself."""

    def loss(batch: Batch) -> Tensor:
        found: Tensor = model(**batch).loss
        return found

    return loss


def trained(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights that are trained."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def adamw(model: nn.Module) -> Optimizer:
    """Return the optimizer of all contestants, over the weights that are trained."""
    return torch.optim.AdamW(trained(model), lr=LEARNING_RATE, fused=True)
