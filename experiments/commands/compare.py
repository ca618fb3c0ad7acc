"""``adalora compare RUN RUN... [--key value ...]``: what several adapters have in common."""

from ..analyses import output
from ..analyses.run import compare
from .analyze import read

USAGE = "adalora compare RUN RUN... [--key value ...]"
ABOUT = (
    "Compare every two of several trained adapters: folders of runs, or adapters that adalora or the peft "
    "library has saved; each setting below may follow them."
)


def run(words: list[str]) -> str:
    """Compare as the words say, and return where the results are.

    Raises:
        AdaLoRAError: the input is wrong.
    """
    names, config = read(words, USAGE, "adalora compare", ABOUT)
    return f"report: {compare(names, config) / output.PAGE}"
