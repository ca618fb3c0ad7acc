"""News articles and their summaries: XSum (arXiv 1808.08745) and CNN/DailyMail (arXiv 1506.03340)."""

from functools import partial

from ..config import DataConfig
from ..problems import SUMMARIZING, Columns
from ..rouge import require_rouge, rouge
from .source import Source, read
from .task import Splits, Task

XSUM = Columns(("document",), "summary")
CNN = Columns(("article",), "highlights")


def _load(source: Source, columns: Columns, data: DataConfig) -> Splits:
    require_rouge()  # days of training must not end without a number
    parts = read(source, data.path, ("train", "validation", "test"), columns)
    return Splits(parts["train"], parts["validation"], {"test": parts["test"]})


TASKS = (
    Task(
        name="xsum",
        about="Sum up an article of the BBC in one sentence.",
        problem=SUMMARIZING,
        columns=XSUM,
        # The main branch holds a script, which `datasets` runs no more; the hub converts it to plain files.
        load=partial(_load, Source("EdinburghNLP/xsum", revision="refs/convert/parquet"), XSUM),
        score=rouge,
        headline="rougeLsum",
        others=("rouge1", "rouge2"),
    ),
    Task(
        name="cnn_dailymail",
        about="Sum up a news article in its highlights.",
        problem=SUMMARIZING,
        columns=CNN,
        load=partial(_load, Source("abisee/cnn_dailymail", "3.0.0"), CNN),
        score=rouge,
        headline="rougeLsum",
        others=("rouge1", "rouge2"),
    ),
)
