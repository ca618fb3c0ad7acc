"""STS-B: how alike are two sentences, from 0 to 5 (Cer et al. 2017, arXiv 1708.00055)."""

from pathlib import Path

from datasets import Dataset

from .. import packages
from ..config import DataConfig
from ..metrics import correlations
from ..problems import REGRESSION, Columns
from .task import Splits, Task

SCORE, FIRST, SECOND = 4, 5, 6


def read_pairs(path: Path) -> Dataset:
    """Read lines of raw tabs: quotation marks are text, and some lines name their sources at the end."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line]
    return Dataset.from_dict(
        {
            "sentence1": [line[FIRST] for line in lines],
            "sentence2": [line[SECOND] for line in lines],
            "label": [float(line[SCORE]) for line in lines],
        }
    )


def _load(_: DataConfig) -> Splits:
    """Return the 5,749, 1,500 and 1,379 pairs of GLUE, here with labels for the test too."""
    folder = packages.find(packages.STS_B)
    train, validation, test = (read_pairs(folder / f"sts-{part}.csv") for part in ("train", "dev", "test"))
    return Splits(train, validation, {"test": test})


TASK = Task(
    name="stsb",
    about="How alike are two sentences, from 0 to 5? 8,628 pairs; the whole STS-B of GLUE.",
    problem=REGRESSION,
    columns=Columns(("sentence1", "sentence2"), "label"),
    load=_load,
    score=correlations,
    headline="pearson",
    others=("spearman",),
    reads_path=False,
)
