"""``adalora methods [--counts]``: what can be trained, and how many weights that is in the papers' models."""

from collections.abc import Sequence

from ..checks import unknown
from ..methods import METHODS, Method
from ..methods.method import as_written
from .words import HELP

COUNTS = "--counts"
USAGE = f"""usage: adalora methods [{COUNTS}]

List the methods: name, paper, the settings that come with each, and the learning rates to choose from.

  {COUNTS}  also the trainable parameters that the LoRA paper prints for its models, beside those
            counted on the models' layouts"""


def run(words: list[str]) -> str:
    """Return the list to print.

    Raises:
        ConfigError: a word is none of the command's.
    """
    for word in words:
        if word not in (COUNTS, *HELP):
            raise unknown("option", word, (COUNTS,))
    if set(HELP) & set(words):
        return USAGE
    listed = _table([["name", "method", "paper", "settings", "learning rates"], *map(_row, METHODS.values())])
    return f"{listed}\n\n{counts()}" if COUNTS in words else listed


def counts() -> str:
    """Return the printed and the counted numbers of trainable parameters as a table."""
    from ..methods.printed import PRINTED  # noqa: PLC0415 - its models take seconds to import

    rows = [
        [
            row.model,
            METHODS[row.method].label,
            row.words,
            f"{row.millions} M",
            _millions(row.counted()),
            row.table,
        ]
        for row in PRINTED
    ]
    head = ["model", "method", "settings", "printed", "counted", "in arXiv 2106.09685"]
    return f"trainable parameters, without a head for the task\n\n{_table([head, *rows])}"


def _row(method: Method) -> list[str]:
    settings = ", ".join(f"{name} {as_written(value)}" for name, value in method.defaults.items())
    return [method.name, method.label, method.paper, settings, " ".join(f"{rate:g}" for rate in method.rates)]


def _millions(number: int) -> str:
    return f"{number / 1e6:.3f} M"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
