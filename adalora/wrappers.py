"""Wrappers that shard a model or keep copies of it in step, under which a weight must not be exchanged."""

from torch import distributed, nn
from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel
from torch.distributed.tensor import DTensor

from .errors import StateError

# Engines that put all parameters into one flat tensor, in which no triplet has a place of its own.
_FLATTEN = ("deepspeed.runtime", "accelerate.utils.deepspeed")


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


def require_shapes(model: nn.Module, optimizer: object) -> None:
    """Check that an optimizer steps on parameters that have the shapes of factors.

    DeepSpeed's own optimizers (``deepspeed.ops``) on plain parameters do; those that its engine makes do not.

    Raises:
        StateError: the model or the optimizer belongs to DeepSpeed's engine, or the model to the first FSDP.
    """
    asked: object | None = optimizer
    while asked is not None:
        _refuse_flat(asked)
        asked = getattr(asked, "optimizer", None)
    for module in model.modules():
        _refuse_flat(module)
        if isinstance(module, FullyShardedDataParallel):
            raise StateError(
                "the model is held by FullyShardedDataParallel, which flattens its parameters; allowed: "
                "fully_shard (FSDP2), or DistributedDataParallel."
            )


def _refuse_flat(thing: object) -> None:
    for kind in type(thing).__mro__:
        if kind.__module__.startswith(_FLATTEN):
            raise StateError(
                f"{type(thing).__name__} is of DeepSpeed ({kind.__module__}), whose engine flattens and "
                f"partitions the parameters, so that no score finds its triplet; allowed: fully_shard "
                f"(FSDP2), which saves as much memory, or DistributedDataParallel."
            )
