"""``adalora analyze RUN... [--key value ...]``: what adapters have learned, and where the rank went."""

from adalora.errors import ConfigError

from ..analyses import output
from ..analyses.config import AnalysisConfig
from ..analyses.run import analyze
from . import settings

USAGE = "adalora analyze RUN... [--key value ...]"
ABOUT = (
    "Measure trained adapters: folders of runs, or adapters that adalora or the peft library has saved; each "
    "setting below may follow them."
)


def run(words: list[str]) -> str:
    """Analyse as the words say, and return where the results are.

    Raises:
        AdaLoRAError: the input is wrong.
    """
    names, config = read(words, USAGE, "adalora analyze", ABOUT)
    return f"report: {analyze(names, config) / output.PAGE}"


def read(words: list[str], usage: str, prog: str, about: str) -> tuple[list[str], AnalysisConfig]:
    """Return the runs and the settings behind them; ``--help`` prints all settings and exits.

    Raises:
        ConfigError: no run is named, no such setting, or a value that is not allowed.
    """
    parser = settings.make_parser(AnalysisConfig, prog, usage, about)
    if {"-h", "--help"} & set(words):
        parser.parse_args(["--help"])
    count = next((place for place, word in enumerate(words) if word.startswith("--")), len(words))
    if count == 0:
        raise ConfigError(f"no run is named; usage: {usage}.")
    return words[:count], settings.read(AnalysisConfig, parser, None, words[count:])
