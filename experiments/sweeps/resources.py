"""What a run of a sweep needs of the machine that it is given to."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from adalora.errors import ConfigError

from ..checks import did_you_mean, require

_AMOUNT = "a number of at least 0"
_PARTS = f"{_AMOUNT}, whole above 1"


@dataclass(frozen=True)
class Resources:
    """What a run needs.

    Attributes:
        cpus: cores, and so many threads; a part of one lets several runs share it.
        gpus: GPUs, or a part of one; with none a run sees none.
        memory: bytes.
    """

    cpus: float = 1
    gpus: float = 0
    memory: float = 0

    def __str__(self) -> str:
        return f"{self.cpus:g} cpus, {self.gpus:g} gpus and {self.memory:,.0f} bytes of memory"


def read_resources(found: object) -> Resources:
    """Return the resources that a sweep's file asks for.

    Raises:
        ConfigError: one is unknown, no number, negative, or a part of more than one core or GPU.
    """
    names = [field.name for field in fields(Resources)]
    what = "needs of one run by name, such as cpus: 2"
    if not isinstance(found, Mapping):
        raise ConfigError(f"resources is {found!r}; allowed: {what}.")
    for name in found:
        near = did_you_mean(str(name), names)
        if name not in names:
            raise ConfigError(
                f"resources: {name} is nothing that a run needs; allowed: {', '.join(names)}.{near}"
            )
    return Resources(**{name: _amount(name, value) for name, value in found.items()})


def _amount(name: str, value: Any) -> float:
    allowed = _AMOUNT if name == "memory" else _PARTS
    try:
        amount = -1.0 if isinstance(value, bool) else float(value)  # YAML takes 4e9 for a text
    except (TypeError, ValueError):
        amount = -1.0
    fits = 0 <= amount < float("inf") and (name == "memory" or amount <= 1 or amount.is_integer())
    require(fits, f"resources: {name}", value, allowed)
    return amount
