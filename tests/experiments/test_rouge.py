"""ROUGE through its package, which is optional."""

from types import SimpleNamespace

import pytest

from adalora import DataError
from experiments import rouge


class Scorer:
    """Stands in for the package: the share of equal lines."""

    def __init__(self, names, use_stemmer):
        assert use_stemmer
        self.names = names

    def score(self, reference, prediction):
        equal = float(reference.split("\n") == prediction.split("\n"))
        return {name: SimpleNamespace(fmeasure=equal) for name in self.names}


def test_scores_are_means_over_texts_cut_into_sentences(monkeypatch):
    monkeypatch.setattr(rouge, "require_rouge", lambda: SimpleNamespace(RougeScorer=Scorer))
    scores = rouge.rouge(["One. Two.", "no"], ["One.\nTwo.", "yes"])
    assert scores == {"rouge1": 0.5, "rouge2": 0.5, "rougeLsum": 0.5}


def test_without_the_package_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(rouge, "import_module", missing)
    with pytest.raises(DataError, match=r'extra "metrics": python -m pip install'):
        rouge.require_rouge()


def test_the_package_itself_where_it_is_installed():
    pytest.importorskip("rouge_score")
    scores = rouge.rouge(["the cats sat"], ["the cat sat down"])
    assert scores["rouge1"] == pytest.approx(6 / 7)  # the stemmer makes cats a cat
    assert scores["rouge2"] == pytest.approx(4 / 5)


def test_sentences():
    assert rouge.sentences(" One. Two? Three!\nFour 1.5 ") == ["One.", "Two?", "Three!", "Four 1.5"]
    assert rouge.sentences("") == []
