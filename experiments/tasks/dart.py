"""DART: triples from tables and other sources in words (Nan et al. 2021, arXiv 2007.02871)."""

from collections.abc import Iterator

from datasets import Dataset

from .. import texts
from ..problems import Columns
from .source import Source
from .verbalized import Pair, Records, linear, nested

RAW = Columns(("tripleset",), "annotations")


def _pairs(rows: Dataset) -> Iterator[Pair]:
    for triples, annotations in zip(rows[RAW.inputs[0]], rows[RAW.target], strict=True):
        yield linear(triples), nested(annotations, "text", RAW.target)


RECORDS = Records(
    name="dart",
    # The main branch holds a script, which `datasets` runs no more; the hub converts it to plain files.
    source=Source("Yale-LILY/dart", revision="refs/convert/parquet"),
    raw=RAW,
    metrics=(texts.BLEU, texts.METEOR, texts.TER),
    pairs=_pairs,
)
TASK = RECORDS.task("Put triples from tables and other sources into words.")
