"""What a sub-command is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Attributes:
        about: one line for the overview.
        run: words behind the sub-command -> text to print; an `AdaLoRAError` where the input is wrong.
    """

    about: str
    run: Callable[[list[str]], str]
