"""Nouns, from stand-in lines."""

from experiments.tasks.nouns import Noun, read_nouns
from tests.experiments.tasks.test_wordnet24 import LINES


def test_words_and_definitions_without_examples(tmp_path):
    path = tmp_path / "data.noun"
    path.write_text(LINES.replace("02 dog 0", "02 guard_dog 0"))
    assert list(read_nouns(path)) == [
        Noun("entity", "that which is perceived", 3),
        Noun("time", "the continuum; from past to future", 28),
        Noun("guard dog", "a member of the genus Canis", 5),
        Noun("motive", "a reason", 16),
    ]
