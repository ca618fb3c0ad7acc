"""Exact match and F1 of short answers, as in SQuAD 2.0 (Rajpurkar et al. 2018, arXiv 1806.03822)."""

import re
import string
from collections import Counter
from collections.abc import Sequence

from .metrics import Scores

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def words(text: str) -> list[str]:
    """Return the words that count: lower case, without punctuation and articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def exact_and_f1(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
    """Return the means of exact match and of word F1.

    Args:
        predictions: one answer a question; the empty string is "no answer".
        references: accepted answers of each question, the best one counts; none for "no answer".
    """
    exact, f1 = 0.0, 0.0
    for answer, accepted in zip(predictions, references, strict=True):
        golds = [gold for gold in accepted if words(gold)] or [""]
        exact += max(float(words(answer) == words(gold)) for gold in golds)
        f1 += max(word_f1(answer, gold) for gold in golds)
    return {"f1": f1 / len(references), "exact_match": exact / len(references)}


def word_f1(answer: str, gold: str) -> float:
    """Return F1 of the words that two answers share, each counted as often as it occurs in both.

    Where one of them is "no answer", it is 1 if the other one is, too, and else 0.
    """
    given, wanted = words(answer), words(gold)
    if not given or not wanted:
        return float(given == wanted)
    shared = sum((Counter(given) & Counter(wanted)).values())
    return 2 * shared / (len(given) + len(wanted))
