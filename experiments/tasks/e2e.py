"""The E2E NLG challenge: attributes of a restaurant in words (Novikova et al. 2017, arXiv 1706.09254)."""

import re
from collections.abc import Iterator

from datasets import Dataset

from .. import texts
from ..config import DataConfig
from ..problems import WRITING, Columns
from .source import Source, read
from .task import Splits, Task
from .verbalized import COLUMNS, Pair, gather, linear, score_by, spread

# The main branch holds a script, which `datasets` runs no more; the hub converts it to plain files.
SOURCE = Source("tuetschek/e2e_nlg", revision="refs/convert/parquet")
RAW = Columns(("meaning_representation",), "human_reference")
METRICS = (texts.BLEU, texts.NIST, texts.METEOR, texts.ROUGE_L, texts.CIDER)

_ATTRIBUTE = re.compile(r"\s*([^\[\],]+)\[([^\]]*)\]")  # name[The Vaults], eatType[pub]


def _load(data: DataConfig) -> Splits:
    """Return 42,061 rows for training; 547 and 630 meanings with several texts each."""
    texts.require_all(METRICS)  # a training must not end without a number
    parts = read(SOURCE, data.path, ("train", "validation", "test"), RAW)
    return Splits(
        spread(_pairs(parts["train"]), "e2e, split 'train',"),
        gather(_pairs(parts["validation"]), "e2e, split 'validation',"),
        {"test": gather(_pairs(parts["test"]), "e2e, split 'test',")},
    )


def _pairs(rows: Dataset) -> Iterator[Pair]:
    for meaning, text in zip(rows[RAW.inputs[0]], rows[RAW.target], strict=True):
        yield linear(_ATTRIBUTE.findall(meaning)) or meaning, [text]


TASK = Task(
    name="e2e",
    about="Put the attributes of a restaurant into words.",
    problem=WRITING,
    columns=COLUMNS,
    load=_load,
    score=score_by(METRICS),
    headline="bleu",
    others=tuple(metric.name for metric in METRICS[1:]),
)
