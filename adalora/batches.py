"""Many small tensors as few large ones: what is done to each matrix is done once for each shape."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def by_shape(*lists: Sequence[Tensor]) -> list[tuple[list[int], tuple[Tensor, ...]]]:
    """Stack tensors that are alike in shape, type and device.

    Args:
        lists: aligned lists; positions are put together where the tensors are alike in every list.

    Returns:
        For each kind, its positions and a stack from each list with these positions in front.
    """
    groups: dict[object, list[int]] = {}
    for position, tensors in enumerate(zip(*lists, strict=True)):
        key = tuple((tensor.shape, tensor.dtype, tensor.device) for tensor in tensors)
        groups.setdefault(key, []).append(position)
    return [
        (positions, tuple(torch.stack([one[position] for position in positions]) for one in lists))
        for positions in groups.values()
    ]


def each(function: Callable[..., Tensor], *lists: Sequence[Tensor]) -> list[Tensor]:
    """Apply a function of stacks to aligned lists; return a tensor for each position.

    Args:
        function: takes a stack from each list and returns one with the same leading dimension.
        lists: see `by_shape`.
    """
    results: dict[int, Tensor] = {}
    for positions, stacks in by_shape(*lists):
        results |= zip(positions, function(*stacks).unbind(), strict=True)
    return [results[position] for position in range(len(results))]


def times(tensors: Sequence[Tensor], factor: Tensor) -> list[Tensor]:
    """Return every tensor times a scalar, which may live on another device."""
    devices: dict[torch.device, list[int]] = {}
    for position, tensor in enumerate(tensors):
        devices.setdefault(tensor.device, []).append(position)
    results: dict[int, Tensor] = {}
    for device, positions in devices.items():
        scaled = torch._foreach_mul([tensors[position] for position in positions], factor.to(device))
        results |= zip(positions, scaled, strict=True)
    return [results[position] for position in range(len(results))]
