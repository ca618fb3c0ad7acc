"""A cluster of Ray's: one of its own on this machine, or one that is there already."""

import os
import signal
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from adalora.errors import ConfigError

from .ray_address import in_a_line, require_ray
from .resources import Resources

_STORE = 128 * 2**20  # bytes for results on their way, of which each has a few thousand
_HOME = Path(__file__).parents[2]  # where the packages lie


@contextmanager
def cluster(address: str | None) -> Iterator[Any]:
    """Give the module ``ray``, connected; afterwards disconnect, and end the cluster if it is our own.

    Args:
        address: of a cluster to join; None starts one on this machine.

    Raises:
        ConfigError: nothing answers at the address, or not as Ray does; or Ray does not start.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # else it tells its makers of every sweep
    import ray  # noqa: PLC0415 - optional

    if address is not None:
        require_ray(address)
    before = signal.getsignal(signal.SIGTERM)
    # What Ray has to say of a lost node, a page of it, goes to standard output, where the table belongs.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        try:
            _connect(ray, address)
            yield ray
        finally:
            ray.shutdown()
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)  # Ray has put its own there


def require_room(ray: Any, resources: Resources) -> None:
    """Check that some node is large enough for a run, which would wait for ever else.

    Raises:
        ConfigError: none is.
    """
    nodes = [_whole(node["Resources"]) for node in ray.nodes() if node["Alive"]]
    if any(_fits(resources, node) == 3 for node in nodes):
        return
    largest = max(
        nodes, key=lambda node: (_fits(resources, node), node.gpus, node.cpus, node.memory), default=None
    )
    told = f"the largest has {largest}" if largest else "there is no node left"
    raise ConfigError(
        f"resources is {resources}; no node of the Ray cluster has as much, so a run would wait for ever: "
        f"{told}. Ask for less, or add a node, and start again: what has finished is kept."
    )


def _whole(found: dict[str, float]) -> Resources:
    return Resources(found.get("CPU", 0), found.get("GPU", 0), found.get("memory", 0))


def _fits(asked: Resources, node: Resources) -> int:
    """Count which of the three a node has enough of."""
    return sum((asked.cpus <= node.cpus, asked.gpus <= node.gpus, asked.memory <= node.memory))


def _connect(ray: Any, address: str | None) -> None:
    where = (
        {"address": "local", "include_dashboard": False, "object_store_memory": _STORE}
        if address is None
        else {"address": address}
    )
    # Ray puts the working directory first on the path of every process that it starts, where a folder of the
    # user's named as one of the packages would hide it. So for this moment it is the packages' own.
    try:
        with chdir(_HOME):
            ray.init(**where, log_to_driver=False, logging_level="error")
    except (Exception, SystemExit) as error:
        what = "start" if address is None else f"join {address}"
        raise ConfigError(f"engine is 'ray', and Ray cannot {what}: {in_a_line(error)}") from error
