"""ROUGE of summaries, through the optional package ``rouge-score``."""

import re
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from adalora.errors import DataError

from .metrics import Scores

_NAMES = ("rouge1", "rouge2", "rougeLsum")


def rouge(predictions: Sequence[str], references: Sequence[str], names: Sequence[str] = _NAMES) -> Scores:
    """Return the means of ROUGE-1, ROUGE-2 and ROUGE-L (by sentences) F1, with Porter's stemmer.

    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".

    Args:
        predictions: one text a row.
        references: one text a row.
        names: which of them; ``rougeL`` is ROUGE-L of the whole text, ``rougeLsum`` the one by sentences.

    Raises:
        DataError: ``rouge-score`` is not installed.
    """
    scorer = require_rouge().RougeScorer(list(names), use_stemmer=True)
    totals = dict.fromkeys(names, 0.0)
    for prediction, reference in zip(predictions, references, strict=True):
        scores = scorer.score("\n".join(sentences(reference)), "\n".join(sentences(prediction)))
        for name in names:
            totals[name] += scores[name].fmeasure
    return {name: total / len(references) for name, total in totals.items()}


def require_rouge() -> ModuleType:
    """Return the module that scores; asked for before a training that could not be measured.

    Raises:
        DataError: ``rouge-score`` is not installed.
    """
    try:
        return import_module("rouge_score.rouge_scorer")
    except ImportError as error:
        raise DataError(
            'ROUGE needs the package rouge-score; install it with the extra "metrics": '
            'python -m pip install "adalora[metrics]"'
        ) from error


def sentences(text: str) -> list[str]:
    """Cut a text behind every ``.``, ``!`` or ``?`` that a space follows, and at line breaks."""
    return [part for part in re.split(r"(?<=[.!?])\s+|\n+", text.strip()) if part]
