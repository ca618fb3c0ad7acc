"""``adalora recipe [--key value ...]``: the runs, numbers and tables behind ``docs/recipe.md``."""

from adalora.errors import ConfigError

from ..recipe.config import RecipeConfig
from ..recipe.run import recipe
from ..recipe.tables import markdown
from . import settings

USAGE = "adalora recipe [--key value ...]"
ABOUT = (
    "Compare AdaLoRA with LoRA, rsLoRA and DoRA on equal terms: learning rates chosen on validation rows, "
    "five seeds. A run that is stopped goes on where it was; each setting below may follow the command."
)


def run(words: list[str]) -> str:
    """Do it as the words say, and return the tables to print.

    Raises:
        AdaLoRAError: the input is wrong, or a run has failed.
    """
    parser = settings.make_parser(RecipeConfig, "adalora recipe", USAGE, ABOUT)
    if {"-h", "--help"} & set(words):
        parser.parse_args(["--help"])
    if words and not words[0].startswith("--"):
        raise ConfigError(f"{words[0]!r} is no setting; usage: {USAGE}.")
    config = settings.read(RecipeConfig, parser, None, words)
    return f"{markdown(recipe(config))}\nin {config.output}"
