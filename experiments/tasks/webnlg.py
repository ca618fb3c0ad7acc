"""The WebNLG challenge of 2017: triples of DBpedia in words (Gardent et al. 2017, "The WebNLG Challenge").

A category of things is seen where the training rows have it. The hub's test rows are three files one below
the other: all sets of triples without texts, those of unseen categories, and all with texts. Sets without a
text are left out, and equal ones are one row.
"""

from collections.abc import Iterator, Set

from datasets import Dataset

from .. import texts
from ..config import DataConfig
from ..problems import WRITING, Columns
from .source import Source, read
from .task import Splits, Task
from .verbalized import COLUMNS, Pair, gather, linear, nested, score_by, spread

# The main branch holds a script, which `datasets` runs no more; the hub converts it to plain files.
SOURCE = Source("webnlg-challenge/web_nlg", revision="refs/convert/parquet", folder="webnlg_challenge_2017")
CATEGORY, TRIPLES = "category", "modified_triple_sets"
RAW = Columns((CATEGORY, TRIPLES), "lex")
METRICS = (texts.BLEU, texts.METEOR, texts.TER)


def _load(data: DataConfig) -> Splits:
    """Return the rows; of the test the parts ``all``, ``seen`` and ``unseen``, where there are such rows."""
    texts.require_all(METRICS)  # a training must not end without a number
    parts = read(SOURCE, data.path, ("train", "validation", "test"), RAW)
    return Splits(
        spread(_pairs(parts["train"]), "webnlg, split 'train',"),
        gather(_pairs(parts["validation"]), "webnlg, split 'validation',"),
        _tests(parts["test"], set(parts["train"][CATEGORY])),
    )


def _tests(rows: Dataset, known: Set[str]) -> dict[str, Dataset]:
    written = [any(map(str.strip, wanted)) for _, wanted in _pairs(rows)]
    seen = [category in known for category in rows[CATEGORY]]
    chosen = {
        "all": written,
        "seen": [text and old for text, old in zip(written, seen, strict=True)],
        "unseen": [text and not old for text, old in zip(written, seen, strict=True)],
    }
    return {
        part: gather(_pairs(rows.select([i for i, one in enumerate(marks) if one])), "webnlg, split 'test',")
        for part, marks in chosen.items()
        if part == "all" or any(marks)
    }


def _pairs(rows: Dataset) -> Iterator[Pair]:
    for sets, lex in zip(rows[TRIPLES], rows[RAW.target], strict=True):
        triples = [triple.split(" | ") for one in nested(sets, "mtriple_set", TRIPLES) for triple in one]
        yield linear(triples), nested(lex, "text", RAW.target)


TASK = Task(
    name="webnlg",
    about="Put triples of DBpedia into words.",
    problem=WRITING,
    columns=COLUMNS,
    load=_load,
    score=score_by(METRICS),
    headline="bleu",
    others=tuple(metric.name for metric in METRICS[1:]),
)
