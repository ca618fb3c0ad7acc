"""Shrinking: pruned triplets leave the tensors, and what an optimizer remembers of them."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .errors import StateError
from .hooks import unwrap
from .updates import SVDUpdate
from .updates.resize import resize_
from .walk import adapters
from .wrappers import holder

M = TypeVar("M", bound=nn.Module)

# Their step on one element depends on its neighbours, which would be others.
_COUPLED = ("Adafactor", "LBFGS", "Muon")


def compact_(model: M, optimizer: Optimizer | None = None) -> M:
    """Remove the pruned triplets of every SVD update from P, λ, Q and the optimizer's state.

    Outputs do not change, and training goes on as if the triplets had stayed pruned: the parameters are the
    same objects, so groups, learning-rate schedulers and hooks live on. An update of which nothing is left
    costs nothing. The matrices of a stack, such as the experts of a mixture, keep as many triplets each as
    the richest of them has.

    Args:
        model: a model with SVD updates.
        optimizer: what trains them, if training goes on; every state of a parameter's shape shrinks with it.

    Returns:
        The same model.

    Raises:
        StateError: a wrapper for data-parallel or sharded training holds the model, or the optimizer keeps
            something else than numbers beside each weight. Nothing has changed.
    """
    updates = [u for layer in adapters(model).values() for u in layer.named_updates().values()]
    found = [update for update in updates if isinstance(update, SVDUpdate)]
    why = obstacle(holder(model), found, optimizer)
    if why is not None:
        raise StateError(f"the tensors cannot shrink: {why}; they stay as they are, and pruned λ stay zero.")
    shrink_(found, optimizer)
    return model


def obstacle(held_by: str | None, updates: Sequence[SVDUpdate], optimizer: Optimizer | None) -> str | None:
    """Say why the tensors of updates cannot shrink now, or return None.

    Args:
        held_by: what holds the model, from `adalora.wrappers`; None where nothing does.
        updates: the updates.
        optimizer: what trains them; None where nothing does.
    """
    if held_by is not None:
        return f"the model is held by {held_by}, which knows them by their sizes"
    if optimizer is None:
        return None
    optimizer = unwrap(optimizer)
    name = type(optimizer).__name__
    if any(kind.__name__ in _COUPLED for kind in type(optimizer).__mro__):
        return f"a step of {name} on one element depends on the others of its tensor"
    for update in updates:
        for parameter in (update.P, update.lam, update.Q):
            for key, value in optimizer.state.get(parameter, {}).items():
                if not _sliceable(value, parameter):
                    return f"{name} keeps {key!r} in a form that cannot be cut"
    return None


def _sliceable(value: object, parameter: Tensor) -> bool:
    """Tell whether something in an optimizer's state goes with each element, or with none."""
    if not isinstance(value, Tensor):
        return value is None or isinstance(value, bool | int | float | str)
    if getattr(value, "is_paged", False):
        return False
    return value.dim() == 0 or (value.shape == parameter.shape and value.dtype.itemsize > 1)


@torch.no_grad()
def shrink_(updates: Sequence[SVDUpdate], optimizer: Optimizer | None) -> list[Tensor]:
    """Remove pruned triplets where nothing stands in the way; return the indices kept in each update."""
    state = {} if optimizer is None else unwrap(optimizer).state
    kept = [survivors(update) for update in updates]
    for update, index in zip(updates, kept, strict=True):
        if index.shape[-1] == update.lam.shape[-1]:
            continue
        for parameter, dim in ((update.P, -1), (update.lam, -1), (update.Q, -2)):
            entries = state.get(parameter, {})
            for key, value in entries.items():
                if isinstance(value, Tensor) and value.dim() > 0:
                    entries[key] = take(value, index, dim)
            grad = parameter.grad
            resize_(parameter, take(parameter.data, index, dim))
            parameter.grad = None if grad is None else take(grad, index, dim)
        update.mask = take(update.mask, index, -1)
    return kept


def survivors(update: SVDUpdate) -> Tensor:
    """Return the indices of what stays, in order: the living, and pruned ones where a stack needs them."""
    rank = int(update.mask.sum(-1).max()) if update.mask.numel() else 0
    return torch.sort((~update.mask).byte(), dim=-1, stable=True).indices[..., :rank].sort(-1).values


def take(tensor: Tensor, index: Tensor, dim: int) -> Tensor:
    """Return the triplets in ``index``, of shape (r,) or (stack, r), from dimension -1 or -2 of a factor."""
    if index.dim() == 1:
        return tensor.index_select(dim, index)
    if tensor.dim() == index.dim() + 1:
        index = index.unsqueeze(-2 if dim == -1 else -1)
        shape = [*tensor.shape]
        shape[dim] = index.shape[dim]
        index = index.expand(shape)
    return tensor.gather(dim, index)
