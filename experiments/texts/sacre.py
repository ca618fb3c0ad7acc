"""BLEU, TER and chrF of whole test parts, through the optional package ``sacrebleu``.

BLEU and TER take capitals for small letters and set punctuation apart, BLEU as mteval-v13a does and TER as
tercom's normalization does: so do the evaluation scripts of the E2E and the WebNLG challenge.
"""

from collections.abc import Sequence
from types import ModuleType

from ..metrics import Scores
from .metric import Metric, References, require_package


def bleu(predictions: Sequence[str], references: References) -> Scores:
    """Return BLEU of the whole, in [0, 1], with up to 4 words and the closest length of a reference.

    Source: Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation".

    Raises:
        DataError: ``sacrebleu`` is not installed.
    """
    # force: texts that end in " ." are what some people wrote, and no mistake to be told of.
    metric = require_sacrebleu().BLEU(lowercase=True, force=True)
    return {"bleu": metric.corpus_score(list(predictions), in_columns(references)).score / 100}


def ter(predictions: Sequence[str], references: References) -> Scores:
    """Return the edits to the nearest reference, over the mean length of the references; 0 is best.

    It exceeds 1 where more is to be edited than a reference is long.

    Source: Snover et al. 2006, "A Study of Translation Edit Rate with Targeted Human Annotation".

    Raises:
        DataError: ``sacrebleu`` is not installed.
    """
    metric = require_sacrebleu().TER(normalized=True)
    return {"ter": metric.corpus_score(list(predictions), in_columns(references)).score / 100}


def chrf(predictions: Sequence[str], references: References) -> Scores:
    """Return chrF2 of the whole, in [0, 1], with up to 6 letters; the best reference of each row counts.

    Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation".

    Raises:
        DataError: ``sacrebleu`` is not installed.
    """
    metric = require_sacrebleu().CHRF()
    return {"chrf": metric.corpus_score(list(predictions), in_columns(references)).score / 100}


def in_columns(references: References) -> list[list[str | None]]:
    """Return the first references of all rows, then the second ones and so on; None for a missing one."""
    most = max(len(texts) for texts in references)
    return [[texts[i] if i < len(texts) else None for texts in references] for i in range(most)]


def require_sacrebleu() -> ModuleType:
    """Return the module with the classes of its metrics; asked for before a training.

    Raises:
        DataError: ``sacrebleu`` is not installed.
    """
    return require_package("sacrebleu.metrics", "sacrebleu", "BLEU, TER, chrF or NIST")


BLEU = Metric("bleu", bleu, require_sacrebleu)
TER = Metric("ter", ter, require_sacrebleu)
CHRF = Metric("chrf", chrf, require_sacrebleu)
