"""SAMSum: sum up a chat (Gliwa et al. 2019, arXiv 1911.12237).

A decoder goes on with the summary, as GPT-3 does in the LoRA paper (arXiv 2106.09685, table 4), and the
numbers are the three that are printed there. Encoder-decoders have other tasks: `xsum` and `cnn_dailymail`.
"""

from collections.abc import Sequence
from functools import partial

from datasets import Dataset

from ..config import DataConfig
from ..problems import WRITING, Columns
from ..rouge import require_rouge, rouge
from .source import Source, read
from .task import Splits, Task

SOURCE = Source("knkarthick/samsum", gaps=True)  # one of the chats is empty
COLUMNS = Columns(("dialogue",), "summary")
SPLITS = ("train", "validation", "test")
METRICS = ("rouge1", "rouge2", "rougeL")


def _one_line(rows: Dataset) -> Dataset:
    """Put every summary in one line: only the first line of what is written counts."""

    def join(texts: Sequence[str]) -> dict[str, list[str]]:
        return {COLUMNS.target: [" ".join(text.split()) for text in texts]}

    return rows.map(join, input_columns=COLUMNS.target, batched=True, desc="summaries")


def _load(data: DataConfig) -> Splits:
    """Return some 14,730 rows for training, 818 for validation and 819 for the test."""
    require_rouge()  # a training must not end without a number
    parts = read(SOURCE, data.path, SPLITS, COLUMNS)
    train, validation, test = (_one_line(parts[split]) for split in SPLITS)
    return Splits(train, validation, {"test": test})


TASK = Task(
    name="samsum",
    about="Sum up a chat in a sentence or two.",
    problem=WRITING,
    columns=COLUMNS,
    load=_load,
    score=partial(rouge, names=METRICS),
    headline="rougeL",
    others=("rouge1", "rouge2"),
)
