"""The WebNLG challenge of 2017: triples of DBpedia in words (Gardent et al. 2017, "The WebNLG Challenge").

A category of things is seen where the training rows have it. The hub's test rows are three files one below
the other: all sets of triples without texts, those of unseen categories, and all with texts. Sets without a
text are left out, and equal ones are one row.
"""

from collections.abc import Iterator

from datasets import Dataset

from .. import texts
from ..problems import Columns
from .source import Source
from .verbalized import Pair, Records, linear, nested

CATEGORY, TRIPLES = "category", "modified_triple_sets"
RAW = Columns((CATEGORY, TRIPLES), "lex")


def _tests(rows: Dataset, train: Dataset) -> dict[str, Dataset]:
    """Return the parts ``all``, ``seen`` and ``unseen``, where there are such rows."""
    known = set(train[CATEGORY])
    written = [any(map(str.strip, wanted)) for _, wanted in _pairs(rows)]
    seen = [category in known for category in rows[CATEGORY]]
    chosen = {
        "all": written,
        "seen": [text and old for text, old in zip(written, seen, strict=True)],
        "unseen": [text and not old for text, old in zip(written, seen, strict=True)],
    }
    return {
        part: rows.select([i for i, one in enumerate(marks) if one])
        for part, marks in chosen.items()
        if part == "all" or any(marks)
    }


def _pairs(rows: Dataset) -> Iterator[Pair]:
    for sets, lex in zip(rows[TRIPLES], rows[RAW.target], strict=True):
        triples = [triple.split(" | ") for one in nested(sets, "mtriple_set", TRIPLES) for triple in one]
        yield linear(triples), nested(lex, "text", RAW.target)


RECORDS = Records(
    name="webnlg",
    # The main branch holds a script, which `datasets` runs no more; the hub converts it to plain files.
    source=Source(
        "webnlg-challenge/web_nlg", revision="refs/convert/parquet", folder="webnlg_challenge_2017"
    ),
    raw=RAW,
    metrics=(texts.BLEU, texts.METEOR, texts.TER),
    pairs=_pairs,
    tests=_tests,
)
TASK = RECORDS.task("Put triples of DBpedia into words.")
