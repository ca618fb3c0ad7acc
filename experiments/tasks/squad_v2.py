"""SQuAD 2.0: find the answer to a question in a paragraph, or see that it has none (arXiv 1806.03822)."""

from ..answers import exact_and_f1
from ..config import DataConfig
from ..problems import ANSWERING, Columns
from .source import Source, read
from .task import Splits, Task

COLUMNS = Columns(("question", "context"), "answers")


def _load(data: DataConfig) -> Splits:
    """Return 130,319 rows for training; the test rows are the 11,873 of the validation split."""
    parts = read(Source("rajpurkar/squad_v2"), data.path, ("train", "validation"), COLUMNS)
    return Splits(parts["train"], parts["validation"], {"validation": parts["validation"]})


TASK = Task(
    name="squad_v2",
    about="Find the answer to a question in a paragraph, or see that it holds none.",
    problem=ANSWERING,
    columns=COLUMNS,
    load=_load,
    score=exact_and_f1,
    headline="f1",
    others=("exact_match",),
    held_out=False,
)
