"""What a method trains, and the files that keep it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import nn

from adalora.header import adapter_shapes
from adalora.injected import injected_configs
from adalora.layers import AdaptedLayer
from adalora.trained import trained_tensors

from ..config import RunConfig
from ..methods.counts import free_weights
from .tensors_file import Entry, file_bytes

NAME = "default"  # of a run's adapter


@dataclass(frozen=True)
class Trained:
    """What a method trains.

    Attributes:
        adapter: numbers in factors and magnitudes.
        others: all others, such as a head.
        file: bytes of the safetensors file that keeps it.
        resume: bytes of the file of averages beside it.
    """

    adapter: int
    others: int
    file: int
    resume: int = 0

    @property
    def weights(self) -> int:
        """All of them."""
        return self.adapter + self.others


def trained(
    model: nn.Module, layers: Mapping[str, AdaptedLayer], config: RunConfig, rank: int | None
) -> Trained:
    """Return what a method trains.

    Args:
        model: with the method's changes.
        layers: its adapted layers by name.
        config: settings of the run.
        rank: components that each matrix has; None for as many as now.
    """
    factors = sum(p.numel() for layer in layers.values() for p in layer.parameters() if p.requires_grad)
    entries, inside = _adapter_file(model, layers, config, rank)
    beside = {name: entry(p) for name, p in model.named_parameters() if p.requires_grad and p not in inside}
    kept = [file_bytes(part) for part in (entries, beside) if part]
    if rank is not None:
        factors = magnitudes(layers) + sum(
            prod(shape)
            for layer in layers.values()
            for name, shape in _update_shapes(layer, config, rank).items()
            if name != "mask"
        )
    return Trained(
        factors,
        free_weights(model) - sum(_free(layer) for layer in layers.values()),
        sum(kept),
    )


def _adapter_file(
    model: nn.Module, layers: Mapping[str, AdaptedLayer], config: RunConfig, rank: int | None
) -> tuple[dict[str, Entry], set[nn.Parameter]]:
    """Return shape and type of each tensor in an adapter's file, and the model's parameters among them."""
    if not injected_configs(model):
        return {}, set()
    entries: dict[str, Entry] = {}
    inside: set[nn.Parameter] = set()
    for module, layer in layers.items():
        inside.update(p for p in layer.parameters() if p.requires_grad)
        shape = layer.kind.shape(layer.base)
        now = adapter_shapes(config.adapter, shape, config.adapter.rank if rank is None else rank)
        for name, size in now.items():
            entries[f"{module}.{name}"] = (size, torch.bool if name == "mask" else torch.float32)
    for name, tensor in trained_tensors(model, config.adapter, NAME):
        entries[name] = entry(tensor)
        if isinstance(tensor, nn.Parameter):
            inside.add(tensor)
    return entries, inside


def _update_shapes(layer: AdaptedLayer, config: RunConfig, rank: int) -> Mapping[str, tuple[int, ...]]:
    update = replace(config.adapter, dora=False, init="gaussian")
    return adapter_shapes(update, layer.kind.shape(layer.base), rank)


def _free(layer: AdaptedLayer) -> int:
    return sum(p.numel() for p in layer.parameters() if p.requires_grad)


def magnitudes(layers: Mapping[str, AdaptedLayer]) -> int:
    """Return the number of DoRA's magnitudes, which no pruning takes."""
    return sum(p.numel() for layer in layers.values() for p in layer.magnitudes.values())


def entry(tensor: torch.Tensor) -> Entry:
    """Return a tensor as `file_bytes` wants it."""
    return tensor.shape, tensor.dtype
