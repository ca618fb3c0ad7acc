"""``adalora export SOURCE ... --output DIR``: trained adapters as a LoRA that the `peft` library loads."""

from pathlib import Path
from typing import cast

from adalora.interchange.export import Fold

from ..config import RunConfig
from ..transfer.exporting import export
from ..transfer.settings import ExportSettings, rank_of, weights_of
from . import train
from .words import HELP, Form, Option

SOURCES = "folder of a run, or one that adalora.save or the peft library has written"
BASE = Option(
    "base", "base model: a folder, a name on the hub, minilm or smollm2; else as SOURCE says", "MODEL"
)

FORM = Form(
    "export",
    "Write a trained adapter, or the weighted sum of several, as a folder of LoRA that the peft library and "
    "servers load; then read it back and compare.",
    "SOURCE",
    SOURCES,
    (
        Option("output", "folder to write; new, empty, or with an earlier export", "DIR", needed=True),
        BASE,
        Option(
            "fold", "where λ goes: into B (left, the default), or its root to either side (even)", "left|even"
        ),
        Option("pad", "give every module the highest kept rank, for servers that take one rank only"),
        Option("weights", "of the sources in their sum, a number for each", "W", several=True),
        Option("rank", "rank of every module at most, by SVD; without it the sum is exact", "R"),
    ),
    many=True,
)


def run(words: list[str]) -> str:
    """Export as the words say, and return what was written.

    Raises:
        AdaLoRAError: the input is wrong.
    """
    return FORM.help() if set(HELP) & set(words) else export(read(words), read_run).text()


def read(words: list[str]) -> ExportSettings:
    """Return the settings that the words give.

    Raises:
        ConfigError: an option is unknown or missing, or has a value that is not allowed.
    """
    sources, given = FORM.read(words)
    return ExportSettings(
        sources=tuple(sources),
        output=given["output"][0],
        base=given["base"][0] if "base" in given else None,
        fold=cast(Fold, given["fold"][0]) if "fold" in given else "left",
        pad="pad" in given,
        weights=weights_of(given.get("weights", [])),
        rank=rank_of(given["rank"][0]) if "rank" in given else None,
    )


def read_run(path: Path) -> RunConfig:
    """Return the settings of a finished run.

    Raises:
        ConfigError: the file is not of this version, or damaged.
    """
    return train.read([str(path)])
