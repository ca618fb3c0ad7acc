"""Models with adapters on them."""

from functools import partial

import numpy as np
import torch
from torch import nn

from adalora import AdaptedLayer, StateError, SVDUpdate, adapters
from adalora.updates import Update

from ..arrays import Array, Mask
from ..records import AdapterRecord, BaseWeight, Factors
from .tensors import double, rounding


def records_of_model(model: nn.Module, name: str | None) -> list[AdapterRecord]:
    """Return a record for each matrix; a record shows the model as it is when it is asked.

    Args:
        model: a model with adapters.
        name: of the adapter; None where there is one.

    Raises:
        StateError: there is no adapter of that name, or there are several and no name.
    """
    layers = adapters(model)
    there = list(dict.fromkeys(one for layer in layers.values() for one in layer.updates))
    if name is None and len(there) == 1:
        (name,) = there
    if name not in there:
        asked = "no name was given" if name is None else f"name is {name!r}"
        raise StateError(f"{asked}; adapters on the model: {', '.join(there) or 'none'}.")
    return [
        record
        for module, layer in layers.items()
        if name in layer.updates
        for record in _records(module, layer, name)
    ]


def _records(module: str, layer: AdaptedLayer, name: str) -> list[AdapterRecord]:
    update = layer.named_updates()[name]
    *stack, d1, d2 = layer.kind.shape(layer.base)
    numbers: list[int | None] = [*range(stack[0])] if stack else [None]
    return [
        AdapterRecord(
            module=module if number is None else f"{module}.{number}",
            update="svd" if isinstance(update, SVDUpdate) else "lora",
            shape=(d1, d2),
            rank=int(_alive(update, number).sum()),
            scale=update.scaling,
            read=partial(_factors, layer, name, number),
            base=BaseWeight(partial(_weight, layer, number)),
            dora=name in layer.magnitudes,
        )
        for number in numbers
    ]


def _factors(layer: AdaptedLayer, name: str, number: int | None) -> Factors:
    update = layer.named_updates()[name]
    left, middle, right, _ = update.parts()
    shift = None
    if name in layer.origins:
        origin = dict(layer.origins[name].named_buffers())
        shift = (-_one(origin["left"], number), _one(origin["right"], number))
    return Factors(
        left=_one(left, number),
        lam=None if middle is None else _one(middle, number),
        right=_one(right, number),
        alive=_alive(update, number),
        shift=shift,
        eps=rounding(left, right),
    )


def _weight(layer: AdaptedLayer, number: int | None) -> Array:
    """Return the weight as it was pretrained: what starts have taken out is put back."""
    read = layer.storage.read(layer.base, layer.frozen_weight)
    W0 = _one(layer.kind.matrix(layer.base, read), number)
    for origin in layer.origins.values():
        sides = dict(origin.named_buffers())
        W0 = W0 + _one(sides["left"], number) @ _one(sides["right"], number)
    return W0


def _alive(update: Update, number: int | None) -> Mask:
    if not isinstance(update, SVDUpdate):
        return np.ones(update.parts().rank, dtype=bool)
    mask = update.mask if number is None else update.mask[number]
    return np.asarray(mask.detach().cpu().numpy())


def _one(tensor: torch.Tensor, number: int | None) -> Array:
    return double(tensor if number is None else tensor[number])
