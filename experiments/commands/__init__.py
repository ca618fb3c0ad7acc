"""The sub-commands by name."""

from collections.abc import Mapping
from types import MappingProxyType

from . import bench, train
from .command import Command

__all__ = ["COMMANDS", "Command"]

COMMANDS: Mapping[str, Command] = MappingProxyType({"train": train.COMMAND, "bench": bench.COMMAND})
