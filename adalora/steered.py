"""Which updates a controller steers, and the budget that it steers them by."""

from torch import nn

import schedulers

from .config import AllocationConfig
from .errors import ConfigError
from .updates import SVDUpdate
from .walk import adapters


def svd_updates(model: nn.Module, name: str) -> dict[str, SVDUpdate]:
    """Return the SVD updates of one adapter by module name.

    Raises:
        ConfigError: there are none.
    """
    layers = adapters(model)
    updates = {module: layer.updates[name] for module, layer in layers.items() if name in layer.updates}
    found = {module: update for module, update in updates.items() if isinstance(update, SVDUpdate)}
    if not found:
        names = sorted({key for layer in layers.values() for key in layer.updates})
        raise ConfigError(
            f"name is {name!r}, but the model has no SVD update of that name; it has adapters: "
            f"{', '.join(names) or 'none'}. Call inject(model, AdapterConfig(update='svd')) first."
        )
    return found


def budget_schedule(config: AllocationConfig, updates: list[SVDUpdate]) -> schedulers.Schedule:
    """Return b(t) in triplets.

    Raises:
        ConfigError: ``total_steps`` is missing, or ``target_rank`` is above the initial average.
    """
    if config.total_steps is None:
        raise ConfigError(
            "total_steps is None; allowed: the number of optimizer steps of the run (AdaLoRACallback takes "
            "it from the Trainer)."
        )
    matrices = sum(update.matrices for update in updates)
    initial, target = sum(update.lam.numel() for update in updates), config.target_rank * matrices
    if target > initial:
        raise ConfigError(
            f"target_rank is {config.target_rank}, a budget of {target} triplets for {matrices} matrices; "
            f"allowed: at most the initial rank of {initial / matrices:g} ({initial} triplets)."
        )
    return schedulers.make(
        config.schedule,
        initial=initial,
        target=target,
        total_steps=config.total_steps,
        warmup_steps=config.warmup_steps,
        final_steps=config.final_steps,
        interval=config.interval,
    )
