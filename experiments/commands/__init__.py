"""The sub-commands by name."""

from collections.abc import Mapping
from types import MappingProxyType

from . import (
    analyze,
    bench,
    compare,
    export,
    figures,
    import_,
    merge,
    methods,
    plan,
    recipe,
    report,
    sweep,
    train,
)
from .command import Command

__all__ = ["COMMANDS", "Command"]

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "train": train.COMMAND,
        "plan": plan.COMMAND,
        "sweep": sweep.COMMAND,
        "report": report.COMMAND,
        "methods": methods.COMMAND,
        "analyze": analyze.COMMAND,
        "compare": compare.COMMAND,
        "export": export.COMMAND,
        "merge": merge.COMMAND,
        "import": import_.COMMAND,
        "figures": figures.COMMAND,
        "recipe": recipe.COMMAND,
        "bench": bench.COMMAND,
    }
)
