"""``adalora import FOLDER --output DIR --base MODEL``: an adapter of the `peft` library as one of ours."""

from ..transfer.importing import import_folder
from ..transfer.settings import ImportSettings
from .export import BASE, read_run
from .words import HELP, Form, Option

FORM = Form(
    "import",
    "Write an adapter of the peft library (LoRA, rsLoRA, DoRA, AdaLoRA) as a folder that adalora.load reads; "
    "then load it and compare.",
    "FOLDER",
    "folder that the peft library has written, with adapter_config.json",
    (
        Option(
            "output", "folder to write; new, empty, or with an earlier adapter of ours", "DIR", needed=True
        ),
        BASE,
    ),
)


def run(words: list[str]) -> str:
    """Import as the words say, and return what was written.

    Raises:
        AdaLoRAError: the input is wrong.
    """
    return FORM.help() if set(HELP) & set(words) else import_folder(read(words), read_run).text()


def read(words: list[str]) -> ImportSettings:
    """Return the settings that the words give.

    Raises:
        ConfigError: an option is unknown or missing, or has a value that is not allowed.
    """
    (source,), given = FORM.read(words)
    base = given["base"][0] if "base" in given else None
    return ImportSettings(source, given["output"][0], base)
