"""The nouns of WordNet 3.1 (Fellbaum 1998), from the file ``data.noun``."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Noun(NamedTuple):
    """A meaning.

    Attributes:
        word: the first of the words that have it.
        definition: without examples, which hold the word itself.
        field: number of its lexicographer file.
    """

    word: str
    definition: str
    field: int


def read_nouns(path: Path) -> Iterator[Noun]:
    """Yield every noun.

    A line is ``offset file type count word …words… | definition; "example"``; the licence above the lines is
    indented.
    """
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.startswith(" "):
                head, _, gloss = line.partition("| ")
                _, field, _, _, word, _ = head.split(maxsplit=5)
                yield Noun(word.replace("_", " "), gloss.partition('; "')[0].strip(), int(field))
