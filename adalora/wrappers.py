"""Wrappers that shard a model or keep copies of it in step, under which a weight must not be exchanged."""

from torch import nn
from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel
from torch.distributed.tensor import DTensor


def sharding_wrapper(model: nn.Module) -> str | None:
    """Name the wrapper that holds the model or a part of it; None where there is none."""
    for module in model.modules():
        if isinstance(module, nn.parallel.DistributedDataParallel | FullyShardedDataParallel):
            return type(module).__name__
        if isinstance(module, FSDPModule):
            return "fully_shard"
    sharded = any(isinstance(parameter, DTensor) for parameter in model.parameters())
    return "a mesh of DTensors" if sharded else None
