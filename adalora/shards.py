"""Tensors of which each process holds a shard: the whole of them, and the part that is here.

A plain tensor is whole and all here, so a single process pays a look at its type.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, Replicate, Shard

from .errors import StateError


def settle(model: nn.Module) -> list[FSDPModule]:
    """Let the parameters be the shards that an optimizer holds; return the modules that shard them.

    Behind a forward pass `fully_shard` may leave whole copies in their place, and a write to those is lost.
    """
    found: list[FSDPModule] = [module for module in model.modules() if isinstance(module, FSDPModule)]
    for module in found:
        module.reshard()
    return found


@torch.no_grad()
def whole(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return tensors, each that lies in shards put together.

    All processes of the mesh have to call it with the same tensors. Shards travel together, so the number of
    messages does not depend on the number of tensors.

    Raises:
        StateError: a tensor is cut along several axes of its mesh, or strided.
    """
    found = list(tensors)
    waiting: dict[tuple[DeviceMesh, int, torch.dtype], list[int]] = {}
    for number, tensor in enumerate(found):
        if isinstance(tensor, DTensor):
            axis = _axis(tensor)
            if axis is None:
                found[number] = tensor.to_local()
            else:
                waiting.setdefault((tensor.device_mesh, axis, tensor.dtype), []).append(number)
    for (mesh, axis, _), numbers in waiting.items():
        shards = [tensor for number in numbers if isinstance(tensor := found[number], DTensor)]
        for number, tensor in zip(numbers, _gathered(shards, mesh, axis), strict=True):
            found[number] = tensor
    return found


@torch.no_grad()
def here(tensor: Tensor) -> Tensor:
    """Return what this process holds of a tensor; who writes to it writes to the tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def part(full: Tensor, like: Tensor) -> Tensor:
    """Return of a whole tensor what this process holds of one that is cut like ``like``.

    Raises:
        StateError: see `whole`.
    """
    if not isinstance(like, DTensor):
        return full
    axis = _axis(like)
    if axis is None:
        return full
    mesh, dim = like.device_mesh, _dim(like, axis)
    begin, end = _bounds(full.shape[dim], mesh.size(axis))[mesh.get_local_rank(axis)]
    return full.narrow(dim, begin, end - begin)


def _axis(tensor: DTensor) -> int | None:
    """Return the axis of the mesh along which a tensor is cut; None where each process holds all of it."""
    cut = [axis for axis, placement in enumerate(tensor.placements) if type(placement) is not Replicate]
    if not cut:
        return None
    if len(cut) > 1 or type(tensor.placements[cut[0]]) is not Shard:
        raise StateError(
            f"a factor is placed as {tensor.placements} on its mesh; allowed: what fully_shard alone makes, "
            f"which cuts along one axis. Leave the adapter out of tensor parallelism."
        )
    return cut[0]


def _dim(tensor: DTensor, axis: int) -> int:
    placement = tensor.placements[axis]
    return placement.dim % tensor.dim() if isinstance(placement, Shard) else 0


def _bounds(size: int, count: int) -> list[tuple[int, int]]:
    """Return where each of ``count`` shards begins and ends, as `torch.chunk` cuts; the last may be empty."""
    each = -(-size // count)
    return [(min(k * each, size), min((k + 1) * each, size)) for k in range(count)]


def _gathered(tensors: list[DTensor], mesh: DeviceMesh, axis: int) -> Iterator[Tensor]:
    """Put tensors together that are cut along one axis of a mesh, by one message."""
    count = mesh.size(axis)
    shapes = [list(_shapes(tensor, axis, count)) for tensor in tensors]
    lengths = [[shape[rank].numel() for shape in shapes] for rank in range(count)]
    longest = max(sum(row) for row in lengths)
    mine = torch.cat([tensor.to_local().flatten() for tensor in tensors])
    sent = torch.nn.functional.pad(mine, (0, longest - mine.numel()))  # the message has one length for all
    received = [torch.empty_like(sent) for _ in range(count)]
    distributed.all_gather(received, sent, group=mesh.get_group(axis))
    rows = [torch.split(row[: sum(sizes)], sizes) for row, sizes in zip(received, lengths, strict=True)]
    for number, tensor in enumerate(tensors):
        pieces = [rows[rank][number].view(shapes[number][rank]) for rank in range(count)]
        yield torch.cat(pieces, _dim(tensor, axis))


def _shapes(tensor: DTensor, axis: int, count: int) -> Iterator[torch.Size]:
    """Yield the shape of each process's shard."""
    dim = _dim(tensor, axis)
    for begin, end in _bounds(tensor.shape[dim], count):
        yield torch.Size([*tensor.shape[:dim], end - begin, *tensor.shape[dim + 1 :]])
