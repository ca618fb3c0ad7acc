"""How well written texts are, measured against one or more accepted texts a row.

Every metric is a row of the same form: a function (predictions, references) -> Scores, where ``references``
holds a list of texts for each prediction, and a function that asks for the package before a training.
"""

from collections.abc import Sequence

from ..metrics import Scores
from .cider import CIDER, cider
from .meteor import METEOR, meteor
from .metric import Metric, References
from .nist import NIST, nist
from .rouge_l import ROUGE_L, rouge_l
from .sacre import BLEU, CHRF, TER, bleu, chrf, ter

__all__ = [
    "BLEU",
    "CHRF",
    "CIDER",
    "METEOR",
    "NIST",
    "ROUGE_L",
    "TER",
    "Metric",
    "References",
    "bleu",
    "chrf",
    "cider",
    "measure",
    "meteor",
    "nist",
    "require_all",
    "rouge_l",
    "ter",
]


def measure(metrics: Sequence[Metric], predictions: Sequence[str], references: References) -> Scores:
    """Return the numbers of several metrics by name.

    Raises:
        DataError: the package of one is not installed.
    """
    scores: Scores = {}
    for metric in metrics:
        scores |= metric.score(predictions, references)
    return scores


def require_all(metrics: Sequence[Metric]) -> None:
    """Ask for everything that the metrics need, before a training that could not be measured.

    Raises:
        DataError: a package is not installed; the message holds the command that installs it.
    """
    for metric in metrics:
        metric.require()
