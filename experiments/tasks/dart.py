"""DART: triples from tables and other sources in words (Nan et al. 2021, arXiv 2007.02871)."""

from collections.abc import Iterator

from datasets import Dataset

from .. import texts
from ..config import DataConfig
from ..problems import WRITING, Columns
from .source import Source, read
from .task import Splits, Task
from .verbalized import COLUMNS, Pair, gather, linear, nested, score_by, spread

# The main branch holds a script, which `datasets` runs no more; the hub converts it to plain files.
SOURCE = Source("Yale-LILY/dart", revision="refs/convert/parquet")
RAW = Columns(("tripleset",), "annotations")
METRICS = (texts.BLEU, texts.METEOR, texts.TER)


def _load(data: DataConfig) -> Splits:
    """Return a row for each text of a set of triples for training, and one for each set to measure on."""
    texts.require_all(METRICS)  # a training must not end without a number
    parts = read(SOURCE, data.path, ("train", "validation", "test"), RAW)
    return Splits(
        spread(_pairs(parts["train"]), "dart, split 'train',"),
        gather(_pairs(parts["validation"]), "dart, split 'validation',"),
        {"test": gather(_pairs(parts["test"]), "dart, split 'test',")},
    )


def _pairs(rows: Dataset) -> Iterator[Pair]:
    for triples, annotations in zip(rows[RAW.inputs[0]], rows[RAW.target], strict=True):
        yield linear(triples), nested(annotations, "text", RAW.target)


TASK = Task(
    name="dart",
    about="Put triples from tables and other sources into words.",
    problem=WRITING,
    columns=COLUMNS,
    load=_load,
    score=score_by(METRICS),
    headline="bleu",
    others=tuple(metric.name for metric in METRICS[1:]),
)
