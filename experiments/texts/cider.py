"""CIDEr-D: n-grams count by how few rows have them, through the optional package ``pycocoevalcap``."""

import re
from collections.abc import Sequence
from types import ModuleType

from ..metrics import Scores
from .metric import Metric, References, require_package

# Numbers with their points and commas; words with the apostrophes and hyphens inside them; signs of money.
_WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+(?:['’-]\w+)*|[£$€%]")


def words(text: str) -> list[str]:
    """Return the words that count, in small letters and without punctuation.

    They stand in for those of the package's own tokenizer, which needs Java and cuts words at an apostrophe.
    """
    return _WORD.findall(text.lower())


def cider(predictions: Sequence[str], references: References) -> Scores:
    """Return the mean of CIDEr-D, in [0, 10]: of n-grams of 1 to 4 words, with clipping and σ = 6.

    The weight of an n-gram is ln(rows / rows with a reference that has it): 0 for one that every row has, so
    that the score of a single row is 0.

    Source: Vedantam et al. 2015, arXiv 1411.5726, section 5; the package does not stem the words.

    Raises:
        DataError: ``pycocoevalcap`` is not installed.
    """
    module = require_cider()
    accepted = {row: [" ".join(words(text)) for text in texts] for row, texts in enumerate(references)}
    written = {row: [" ".join(words(text))] for row, text in enumerate(predictions)}
    if not any(text for texts in accepted.values() for text in texts):
        return {"cider": 0.0}  # the package asks for one word at least
    score, _ = module.Cider().compute_score(accepted, written)
    return {"cider": float(score)}


def require_cider() -> ModuleType:
    """Return the module that scores; asked for before a training that could not be measured.

    Raises:
        DataError: ``pycocoevalcap`` is not installed.
    """
    return require_package("pycocoevalcap.cider.cider", "pycocoevalcap", "CIDEr")


CIDER = Metric("cider", cider, require_cider)
