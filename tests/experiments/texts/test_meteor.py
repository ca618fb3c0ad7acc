"""METEOR, which needs Java."""

import shutil

import pytest

from adalora import DataError
from experiments import texts
from experiments.texts.meteor import require_meteor
from tests.experiments.texts import fake_java

pytest.importorskip("pycocoevalcap.meteor.meteor")

ACCEPTED = [
    ["The Vaults is a pub near Café Adriatic.", "A pub."],
    ["Aromi serves cheap food in the city centre."],
]
RIGHT = [row[0] for row in ACCEPTED]


def test_without_java_it_is_left_out_and_told_once(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.warns(
        UserWarning, match="METEOR is left out: it needs Java, .* 'apt install default-jre"
    ) as told:
        texts.require_all([texts.BLEU, texts.METEOR, texts.ROUGE_L])
    assert len(told) == 1
    scores = texts.measure([texts.BLEU, texts.METEOR, texts.ROUGE_L], RIGHT, ACCEPTED)
    assert set(scores) == {"bleu", "rougeL"}


def test_every_row_has_its_references_and_the_whole_is_returned(monkeypatch, tmp_path):
    fake_java.put(tmp_path / "bin", monkeypatch)
    require_meteor()
    assert texts.meteor(["a b", "c d"], [["x", "a b"], ["c"]]) == {"meteor": 0.75}
    assert texts.meteor(["a |||\nb"], [["a b"]]) == {"meteor": 1.0}
    assert texts.meteor([""], [["a"]]) == {"meteor": 0.0}


def test_a_program_that_fails_says_why(monkeypatch, tmp_path):
    fake_java.put(tmp_path / "bin", monkeypatch, fake_java.BROKEN)
    with pytest.raises(DataError, match="METEOR has failed: no room for a heap"):
        texts.meteor(RIGHT, ACCEPTED)


needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="METEOR needs Java")


@needs_java
def test_the_program_itself_gives_the_right_text_all():
    assert texts.meteor(RIGHT, ACCEPTED)["meteor"] == pytest.approx(1, abs=0.01)


@needs_java
@pytest.mark.slow  # the program reads its tables of paraphrases anew
def test_stems_and_meanings_match_and_what_is_missing_counts():
    assert 0.1 < texts.meteor(["The Vaults are pubs close to Café Adriatic", ""], ACCEPTED)["meteor"] < 0.6
