"""Several metrics at once."""

import pytest

from adalora import DataError
from experiments import texts

WRITTEN, ACCEPTED = ["a b c", ""], [["a b c", "d"], ["e f"]]


def test_all_numbers_stand_together():
    metrics = [texts.BLEU, texts.CHRF, texts.TER, texts.NIST, texts.CIDER, texts.ROUGE_L]
    names = {"bleu", "chrf", "ter", "nist", "cider", "rougeL"}
    assert set(texts.measure(metrics, WRITTEN, ACCEPTED)) == names
    texts.require_all(metrics)


def test_nothing_written_gets_nothing():
    metrics = [texts.BLEU, texts.CHRF, texts.NIST, texts.CIDER, texts.ROUGE_L]
    assert set(texts.measure(metrics, ["", ""], ACCEPTED).values()) == {0.0}


@pytest.mark.parametrize(
    ("metric", "module"),
    [
        (texts.BLEU, "sacrebleu.metrics"),
        (texts.NIST, "sacrebleu.tokenizers.tokenizer_13a"),
        (texts.CIDER, "pycocoevalcap.cider.cider"),
        (texts.METEOR, "pycocoevalcap.meteor.meteor"),
        (texts.ROUGE_L, "rouge_score.rouge_scorer"),
    ],
)
def test_a_missing_package_is_told_before_a_training(monkeypatch, metric, module):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(DataError, match=r"install it with the extra \"metrics\""):
        texts.require_all([metric])
