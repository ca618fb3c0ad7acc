"""Wrappers that shard a model or keep copies of it in step, under which a weight must not be exchanged."""

import gc

from torch import distributed, nn
from torch.distributed import ProcessGroup
from torch.distributed.fsdp import FSDPModule, FullyShardedDataParallel
from torch.distributed.tensor import DTensor

from .errors import StateError
from .peers import together

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


def holder(model: nn.Module) -> str | None:
    """Name the wrapper that holds the model, a part of it, or is around it; None where there is none.

    A parameter that gets another size under `DistributedDataParallel` is never reduced again, and the copies
    part. The wrapper leaves no mark on what it holds, so it is looked for among all that lives, which takes
    a moment; without a process group there can be none.
    """
    found = sharding_wrapper(model)
    if found is not None or not together():
        return found
    if _held_around(model):
        gc.collect()  # one that has been given up may not have gone yet
        if _held_around(model):
            return nn.parallel.DistributedDataParallel.__name__
    return None


def _held_around(model: nn.Module) -> bool:
    kind = nn.parallel.DistributedDataParallel
    found = [one for one in gc.get_objects() if issubclass(type(one), kind)]
    return any(module is model for one in found for module in one.modules())


def shards(model: nn.Module) -> str | None:
    """Name the wrapper that has cut the parameters into shards; None where they are whole."""
    wrapper = sharding_wrapper(model)
    return None if wrapper == nn.parallel.DistributedDataParallel.__name__ else wrapper


def trains_with_others(model: nn.Module, group: ProcessGroup | None) -> str | None:
    """Name what knows the parameters by their sizes while several processes train; None where nothing does.

    `holder` would take too long at every budget update, so processes count, but for a group of one.
    """
    others = together() and (group is None or distributed.get_world_size(group) > 1)
    return sharding_wrapper(model) or ("a process group" if others else None)


def require_shaped_optimizer(optimizer: object) -> None:
    """Check that an optimizer steps on parameters that have the shapes of factors.

    DeepSpeed's own optimizers (``deepspeed.ops``) on plain parameters do; those that its engine makes do not.

    Raises:
        StateError: the optimizer belongs to DeepSpeed's engine.
    """
    asked: object | None = optimizer
    while asked is not None:
        _refuse_flat(asked)
        asked = getattr(asked, "optimizer", None)


def require_shaped_model(model: nn.Module) -> None:
    """Check that the parameters of a model have the shapes of factors.

    Raises:
        StateError: the model belongs to DeepSpeed's engine or to the first FSDP.
    """
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
