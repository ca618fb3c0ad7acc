"""``adalora plan CONFIG [--key value ...]``: what a run needs, before anything is allocated."""

from ..planning.estimate import estimate
from ..planning.page import page
from . import train

USAGE = "adalora plan CONFIG [--key value ...]"
ABOUT = (
    "Compute what a run needs: trained weights, memory, files and the least time of a step, from the shapes "
    "of its model and a second of multiplying; say what this machine cannot hold. Of the model its "
    "config.json alone is read. The settings are those of adalora train."
)


def run(words: list[str]) -> str:
    """Plan as the words say, and return the lines to print.

    Raises:
        AdaLoRAError: the input is wrong.
    """
    return page(estimate(train.read(words, "adalora plan", USAGE, ABOUT)))
