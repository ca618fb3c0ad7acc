"""How many weights a method trains, known before anything is trained or loaded."""

from torch import nn

from ..config import RunConfig
from .registry import get


def free_weights(model: nn.Module) -> int:
    """Return the number of weights that require a gradient."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def trainable(model: nn.Module, config: RunConfig) -> int:
    """Return the number of weights that a run's method trains in ``model``, which it changes.

    Give it a model on the meta device: nothing is computed, and weights take no memory.

    Raises:
        ConfigError: the method is unknown, or a setting has no meaning for it or for the model.
        TargetError: the adapter does not fit the model.
    """
    method = get(config.method)
    method.prepare(model, method.resolve(config))
    return free_weights(model)
