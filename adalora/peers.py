"""The processes that train one model together: who writes, and what they agree on."""

from torch import Tensor, distributed
from torch.distributed import ProcessGroup


def is_first(group: ProcessGroup | None = None) -> bool:
    """Tell whether this is the process of a group that writes files; a process alone is."""
    return not together() or distributed.get_rank(group) == 0


def agreed(numbers: Tensor, group: ProcessGroup | None) -> Tensor:
    """Return the numbers of the group's first process, on every process of it.

    Copies of a model are equal on equal machines only, and a tie that each process breaks for itself would
    part the copies for good.

    Args:
        numbers: of one shape on all processes, all of which have to call this at once.
        group: the processes; None for all.
    """
    if not together() or distributed.get_world_size(group) == 1:
        return numbers
    first = numbers.clone()
    distributed.broadcast(first, group=group, group_src=0)
    return first


def together() -> bool:
    """Tell whether there is a process group."""
    return distributed.is_available() and distributed.is_initialized()
