"""Wrappers that shard a model or keep copies of it in step, under which a weight must not be exchanged."""

from torch import distributed, nn
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


def shards(model: nn.Module) -> str | None:
    """Name the wrapper that has cut the parameters into shards; None where they are whole."""
    wrapper = sharding_wrapper(model)
    return None if wrapper == nn.parallel.DistributedDataParallel.__name__ else wrapper


def trains_with_others(model: nn.Module) -> str | None:
    """Name what knows the parameters by their sizes while several processes train; None where nothing does.

    A model does not know that `DistributedDataParallel` has been put around it, so a process group counts.
    """
    group = distributed.is_available() and distributed.is_initialized()
    return sharding_wrapper(model) or ("a process group" if group else None)
