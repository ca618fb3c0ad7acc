"""The engines of a sweep by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec

from adalora.errors import ConfigError

from ..checks import unknown
from . import pool, ray_engine
from .engine import Engine
from .ray_address import require_address
from .resources import Resources


@dataclass(frozen=True)
class Wanted:
    """What is asked of an engine.

    Attributes:
        jobs: runs at once; None for as many as the engine thinks fit.
        resources: what each run needs, where an engine shares them out.
        address: of a cluster; None for none.
    """

    jobs: int | None = None
    resources: Resources = field(default_factory=Resources)
    address: str | None = None


def engine_of(name: str, wanted: Wanted) -> Engine:
    """Return an engine.

    Raises:
        ConfigError: it is unknown, cannot be had, or has no use for what is wanted.
    """
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)
    return ENGINES[name](wanted)


def _local(wanted: Wanted) -> Engine:
    if wanted.address is not None:
        raise ConfigError(
            f"address is {wanted.address!r}, and engine 'local' stays on this machine; give --engine ray "
            f"with it."
        )
    return partial(pool.run_all, jobs=wanted.jobs or 1)


def _ray(wanted: Wanted) -> Engine:
    if wanted.address is not None:
        require_address(wanted.address)
    if find_spec("ray") is None:
        raise ConfigError("engine is 'ray', which is not installed; pip install 'adalora[ray]'.")
    return partial(ray_engine.run_all, jobs=wanted.jobs, resources=wanted.resources, address=wanted.address)


ENGINES: Mapping[str, Callable[[Wanted], Engine]] = {"local": _local, "ray": _ray}
