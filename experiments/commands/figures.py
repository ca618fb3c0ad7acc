"""``adalora figures [--key value ...]``: the runs, numbers and pictures behind ``docs/findings.md``."""

from adalora.errors import ConfigError

from ..findings.config import FiguresConfig
from ..findings.run import TABLES, figures
from . import settings, train

USAGE = "adalora figures [--key value ...]"
ABOUT = (
    "Train LoRA and AdaLoRA on a small real model, compare what they have learned, and write the numbers and "
    "pictures of docs/findings.md; each setting below may follow the command."
)


def run(words: list[str]) -> str:
    """Do it as the words say, and return the tables to print.

    Raises:
        AdaLoRAError: the input is wrong.
    """
    parser = settings.make_parser(FiguresConfig, "adalora figures", USAGE, ABOUT)
    if {"-h", "--help"} & set(words):
        parser.parse_args(["--help"])
    if words and not words[0].startswith("--"):
        raise ConfigError(f"{words[0]!r} is no setting; usage: {USAGE}.")
    config = settings.read(FiguresConfig, parser, None, words)
    place = figures(config, {name: train.read([name]) for name in ("lora", "adalora")})
    return f"{(place / TABLES).read_text(encoding='utf-8')}\nin {place}"
