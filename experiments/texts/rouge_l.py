"""ROUGE-L of texts with several references, through the optional package ``rouge-score``."""

from collections.abc import Sequence

from ..metrics import Scores
from ..rouge import require_rouge
from .metric import Metric, References

NAME = "rougeL"


def rouge_l(predictions: Sequence[str], references: References) -> Scores:
    """Return the mean of ROUGE-L F1, in [0, 1], with the best reference of each row; words are not stemmed.

    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", equations 2 to 4 with β = 1.

    Raises:
        DataError: ``rouge-score`` is not installed.
    """
    scorer = require_rouge().RougeScorer([NAME], use_stemmer=False)
    total = 0.0
    for prediction, texts in zip(predictions, references, strict=True):
        total += max(scorer.score(text, prediction)[NAME].fmeasure for text in texts)
    return {NAME: total / len(references)}


ROUGE_L = Metric("rougeL", rouge_l, require_rouge)
