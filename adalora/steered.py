"""Which updates a controller steers, and the budget that it steers them by."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

import schedulers

from .allocation import UNITS
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


def prices(config: AllocationConfig, updates: Sequence[SVDUpdate]) -> list[int]:
    """Return what a triplet of each update takes of the budget: 1, or the count of its numbers."""
    if config.budget_unit == "rank":
        return [1] * len(updates)
    return [update.P.shape[-2] + 1 + update.Q.shape[-1] for update in updates]


def triplet_prices(config: AllocationConfig, updates: Sequence[SVDUpdate]) -> Tensor | None:
    """Return `prices` for every triplet that the tensors hold, in module order; None where all are 1."""
    if config.budget_unit == "rank":
        return None
    counts = torch.tensor([update.lam.numel() for update in updates])
    return torch.tensor(prices(config, updates)).repeat_interleave(counts)


def budget_schedule(config: AllocationConfig, updates: list[SVDUpdate]) -> schedulers.Schedule:
    """Return b(t), in the unit of the settings.

    Raises:
        ConfigError: ``total_steps`` is missing, or ``target_rank`` is above the initial average.
    """
    if config.total_steps is None:
        raise ConfigError(
            "total_steps is None; allowed: the number of optimizer steps of the run (AdaLoRACallback takes "
            "it from the Trainer)."
        )
    costs = prices(config, updates)
    initial = sum(cost * update.lam.numel() for cost, update in zip(costs, updates, strict=True))
    whole = sum(cost * update.matrices for cost, update in zip(costs, updates, strict=True))
    target, unit = config.target_rank * whole, UNITS[config.budget_unit]
    # What a run has kept costs less than its budget, by less than the dearest triplet, if prices differ.
    if target - initial >= max(costs):
        matrices = sum(update.matrices for update in updates)
        raise ConfigError(
            f"target_rank is {config.target_rank}, a budget of {target} {unit} for {matrices} matrices; "
            f"allowed: at most the initial rank of {initial / whole:g} ({initial} {unit})."
        )
    warmup, final, interval = config.timetable(config.total_steps)
    return schedulers.make(
        config.schedule,
        initial=max(initial, target),
        target=target,
        total_steps=config.total_steps,
        warmup_steps=warmup,
        final_steps=final,
        interval=interval,
    )
