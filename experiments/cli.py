"""The command ``adalora``: one sub-command a row of `COMMANDS`, and errors as one line."""

import sys
from collections.abc import Sequence
from importlib import import_module

from adalora import AdaLoRAError, __version__

from .checks import unknown
from .commands import COMMANDS
from .stop import CODE, Terminated

WRONG_INPUT = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: words behind ``adalora``; None takes those of the process.

    Returns:
        0; 2 where the input is wrong, and then one line on standard error says what is, and what is allowed;
        or 143 where SIGTERM has ended a training, and then the line says how to go on.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        print(_run(words))
    except AdaLoRAError as error:
        print(f"adalora: {error}", file=sys.stderr)
        return WRONG_INPUT
    except Terminated as end:
        print(f"adalora: {end}", file=sys.stderr)
        return CODE
    return 0


def _run(words: list[str]) -> str:
    if not words or words[0] in ("-h", "--help"):
        return _overview()
    if words[0] == "--version":
        return f"adalora {__version__}"
    if words[0] not in COMMANDS:
        raise unknown("command", words[0], COMMANDS)
    _quieten()
    return COMMANDS[words[0]].run(words[1:])


def _quieten() -> None:
    """Silence the library: what it says while it loads a model (which head is new) is no news here."""
    logging = import_module("transformers.utils.logging")  # takes seconds, which an overview need not
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _overview() -> str:
    rows = [f"  {name:<10}{command.about}" for name, command in COMMANDS.items()]
    lines = ["usage: adalora COMMAND ...", "", "commands:", *rows, "", "adalora COMMAND --help tells more."]
    return "\n".join(lines)
