"""``adalora bench [CONFIG] [--key value ...]``: what adaptive rank costs on this machine."""

import sys
from pathlib import Path

from adalora.errors import ConfigError

from ..bench.config import BenchConfig
from ..bench.run import bench
from ..bench.tables import markdown
from . import settings, train

USAGE = "adalora bench [CONFIG] [--key value ...]"
ABOUT = (
    "Measure training steps, memory, the controller and inference, against the peft library; each setting "
    "below may stand in a YAML file or follow the command, and takes precedence over the file."
)


def run(words: list[str]) -> str:
    """Measure as the words say, and return the tables to print.

    Raises:
        AdaLoRAError: the input is wrong.
    """
    config = read(words)
    record = bench(config, train.read([config.reviews]), _tell)
    return f"{markdown(record)}\nin {config.output}"


def read(words: list[str]) -> BenchConfig:
    """Return the settings that an optional file and the words give; ``--help`` prints them all and exits.

    Raises:
        ConfigError: no such file, no such setting, or a value that is not allowed.
    """
    parser = settings.make_parser(BenchConfig, "adalora bench", USAGE, ABOUT)
    if {"-h", "--help"} & set(words):
        parser.parse_args(["--help"])
    if not words or words[0].startswith("-"):
        return settings.read(BenchConfig, parser, None, words)
    path = Path(words[0])
    if not path.is_file():
        raise ConfigError(f"config is {words[0]!r}; allowed: the path of a YAML file. Usage: {USAGE}.")
    return settings.read(BenchConfig, parser, path, words[1:])


def _tell(line: str) -> None:
    # Standard output is for the tables alone.
    sys.stderr.write(f"{line}\n")
