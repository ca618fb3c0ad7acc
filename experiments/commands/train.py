"""``adalora train CONFIG [--key value ...]``: one training run."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from adalora.errors import ConfigError

from .. import files
from ..config import RunConfig
from ..methods import METHODS
from ..results import table
from ..stop import listening
from ..train import train
from . import settings, shipped

USAGE = "adalora train CONFIG [--key value ...]"
ABOUT = (
    "Train a model as a YAML file says; each setting below may follow the file, and takes precedence over it."
)


def run(words: list[str]) -> str:
    """Train as the words say, and return the comparison to print.

    Raises:
        AdaLoRAError: the input is wrong.
        Terminated: SIGTERM has come; behind the step in which it came there is a checkpoint.
    """
    config = read(words)
    with listening() as listener:
        results = train(config, listener)
    return f"\n{table(results)}\n\nreport: {files.path_of(config) / files.REPORT}"


def read(words: list[str], prog: str = "adalora train", usage: str = USAGE, about: str = ABOUT) -> RunConfig:
    """Return the settings that a file and the words behind it give; ``--help`` prints them all and exits.

    Args:
        words: those behind the command.
        prog: the command.
        usage: how it is typed.
        about: what it does, for ``--help``.

    Raises:
        ConfigError: no such file, no such setting, or a value that is not allowed.
    """
    parser = settings.make_parser(RunConfig, prog, usage, about)
    if {"-h", "--help"} & set(words):
        parser.parse_args(["--help"])
    if not words or words[0].startswith("-"):
        raise ConfigError(f"config is missing; usage: {usage}. Shipped: {', '.join(shipped.shipped())}.")
    return settings.read(RunConfig, parser, shipped.find(words[0]), words[1:], _implied)


def reader() -> Callable[[Mapping[str, Any]], RunConfig]:
    """Return what makes a run of settings by their full names, checked as those of a file are.

    It raises a `ConfigError` where a setting is unknown, missing, or has a wrong value.
    """
    parser = settings.make_parser(RunConfig, "adalora train", USAGE, ABOUT)

    def read_run(values: Mapping[str, Any]) -> RunConfig:
        words = [f"--{name}={_word(value)}" for name, value in values.items()]
        return settings.read(RunConfig, parser, None, words, _implied)

    return read_run


def _word(value: Any) -> str:
    """Return a value as one would type it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _implied(values: Any) -> dict[str, Any]:
    """Name the update of a method that has one of its own, whose usual start then stands in."""
    method = METHODS.get(values.method)
    return {name: value for name, value in method.needs.items() if name == "adapter.update"} if method else {}
