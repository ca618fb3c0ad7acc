"""What a sub-command is."""

from dataclasses import dataclass
from importlib import import_module
from typing import cast


@dataclass(frozen=True)
class Command:
    """A sub-command. Its module is imported when it is run, so that an overview costs no seconds.

    Attributes:
        about: one line for the overview.
        module: name of the module here whose function ``run`` does it.
    """

    about: str
    module: str

    def run(self, words: list[str]) -> str:
        """Take the words behind the sub-command, and return the text to print.

        Raises:
            AdaLoRAError: the input is wrong.
        """
        return cast(str, import_module(f".{self.module}", __package__).run(words))
