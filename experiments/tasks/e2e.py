"""The E2E NLG challenge: attributes of a restaurant in words (Novikova et al. 2017, arXiv 1706.09254).

42,061 rows to train on; 547 and 630 meanings with several texts each to measure on.
"""

import re
from collections.abc import Iterator

from datasets import Dataset

from .. import texts
from ..problems import Columns
from .source import Source
from .verbalized import Pair, Records, linear

RAW = Columns(("meaning_representation",), "human_reference")

_ATTRIBUTE = re.compile(r"\s*([^\[\],]+)\[([^\]]*)\]")  # name[The Vaults], eatType[pub]


def _pairs(rows: Dataset) -> Iterator[Pair]:
    for meaning, text in zip(rows[RAW.inputs[0]], rows[RAW.target], strict=True):
        yield linear(_ATTRIBUTE.findall(meaning)) or meaning, [text]


RECORDS = Records(
    name="e2e",
    # The main branch holds a script, which `datasets` runs no more; the hub converts it to plain files.
    source=Source("tuetschek/e2e_nlg", revision="refs/convert/parquet"),
    raw=RAW,
    metrics=(texts.BLEU, texts.NIST, texts.METEOR, texts.ROUGE_L, texts.CIDER),
    pairs=_pairs,
)
TASK = RECORDS.task("Put the attributes of a restaurant into words.")
