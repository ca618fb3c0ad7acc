"""NIST: n-grams count by the information that they hold (Doddington 2002).

This is the definition, as mteval-v13a has it. The function of ``nltk`` is another one where there are several
references: it chooses one for each length of n-gram. It also fails where no prediction has 5 words.
"""

from collections import Counter
from collections.abc import Sequence
from math import exp, log, log2

from ..metrics import Scores
from .metric import Metric, References, require_package

LONGEST = 5  # words of an n-gram
_BETA = log(0.5) / log(1.5) ** 2  # halves the score of texts of two thirds of the length

_Tokens = list[str]
_Gram = tuple[str, ...]


def nist(predictions: Sequence[str], references: References) -> Scores:
    """Return NIST of the whole: 0 or more, without an upper bound.

    Σₙ (information of the n-grams that a reference shares / number of n-grams predicted), n from 1 to 5,
    times exp(β·ln²(min(1, words predicted / words of a reference))). The information of w₁…wₙ is
    log₂(count of w₁…wₙ₋₁ / count of w₁…wₙ) over all references. An n-gram is shared as often as the reference
    that has most of it has it; words of a reference are the mean over the references of a row. Texts are in
    small letters and cut as BLEU cuts them.

    Source: Doddington 2002, "Automatic Evaluation of Machine Translation Quality Using N-gram Co-Occurrence
    Statistics", equations 2 and 3.

    Raises:
        DataError: ``sacrebleu``, which cuts the texts, is not installed.
    """
    cut = require_tokenizer()
    written = [cut(text) for text in predictions]
    accepted = [[cut(text) for text in texts] for texts in references]
    information = _information(accepted)
    score = sum(_share(written, accepted, information, n) for n in range(1, LONGEST + 1))
    wanted = sum(sum(map(len, texts)) / len(texts) for texts in accepted)
    return {"nist": score * _penalty(sum(map(len, written)), wanted)}


def _information(accepted: list[list[_Tokens]]) -> dict[_Gram, float]:
    texts = [text for row in accepted for text in row]
    counts = Counter(gram for text in texts for n in range(1, LONGEST + 1) for gram in _grams(text, n))
    counts[()] = sum(map(len, texts))
    return {gram: log2(counts[gram[:-1]] / count) for gram, count in counts.items() if gram}


def _share(
    written: list[_Tokens], accepted: list[list[_Tokens]], information: dict[_Gram, float], n: int
) -> float:
    found, total = 0.0, 0
    for text, texts in zip(written, accepted, strict=True):
        own = Counter(_grams(text, n))
        most: Counter[_Gram] = Counter()
        for other in texts:
            most |= Counter(_grams(other, n))
        found += sum(information[gram] * count for gram, count in (own & most).items())
        total += own.total()
    return found / total if total else 0.0


def _grams(text: _Tokens, n: int) -> list[_Gram]:
    return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]


def _penalty(words: int, wanted: float) -> float:
    if not words or not wanted:
        return 0.0
    return exp(_BETA * log(min(1.0, words / wanted)) ** 2)


class _Cut:
    """A text -> its words and punctuation marks, in small letters."""

    def __init__(self) -> None:
        tokenizers = require_package("sacrebleu.tokenizers.tokenizer_13a", "sacrebleu", "NIST")
        self._tokenizer = tokenizers.Tokenizer13a()

    def __call__(self, text: str) -> _Tokens:
        tokens: str = self._tokenizer(text.lower())
        return tokens.split()


def require_tokenizer() -> _Cut:
    """Return what cuts texts; asked for before a training that could not be measured.

    Raises:
        DataError: ``sacrebleu`` is not installed.
    """
    return _Cut()


NIST = Metric("nist", nist, require_tokenizer)
