"""``adalora merge SOURCE --output DIR``: a trained model as a plain one of `transformers`."""

from ..transfer.merging import merge
from ..transfer.settings import MergeSettings
from .export import BASE, SOURCES, read_run
from .words import HELP, Form, Option

FORM = Form(
    "merge",
    "Write the base model with a trained adapter merged into its weights, in float32 and with its tokenizer, "
    "so that transformers loads it without adalora; then load it and compare.",
    "SOURCE",
    SOURCES,
    (
        Option(
            "output",
            "folder to write; new, empty, or with an earlier model (config.json)",
            "DIR",
            needed=True,
        ),
        BASE,
        Option("dequantize", "write floating-point weights where the base has quantised ones"),
    ),
)


def run(words: list[str]) -> str:
    """Merge as the words say, and return what was written.

    Raises:
        AdaLoRAError: the input is wrong.
    """
    return FORM.help() if set(HELP) & set(words) else merge(read(words), read_run).text()


def read(words: list[str]) -> MergeSettings:
    """Return the settings that the words give.

    Raises:
        ConfigError: an option is unknown or missing, or has a value that is not allowed.
    """
    (source,), given = FORM.read(words)
    base = given["base"][0] if "base" in given else None
    return MergeSettings(source, given["output"][0], base, dequantize="dequantize" in given)
