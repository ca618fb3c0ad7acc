"""VADER's movie snippets: how people rated their sentiment, from -4 to 4 (Hutto & Gilbert 2014, ICWSM).

The ids are running numbers and tell no review. By its notes the file was cut from whole reviews; what it
holds are snippets as Rotten Tomatoes prints them, of which each stands for a review of its own. So rows are
drawn one by one. Four fifths of them are sentences of ``rotten_tomatoes`` too: a model that was trained on
one of the two has seen test rows of the other.
"""

from pathlib import Path

from datasets import Dataset

from adalora.errors import DataError

from .. import packages
from ..config import DataConfig
from ..metrics import correlations
from ..problems import REGRESSION, Columns
from .task import Splits, Task, hold_out

TEST, VALIDATION = 1500, 500


def read_snippets(path: Path) -> Dataset:
    """Read lines of id, mean rating and text, split at tabs: quotation marks are text.

    A text that comes again, as two of them do, is left out: it could be trained on and tested on.

    Raises:
        DataError: a line has another form.
    """
    ratings: dict[str, float] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").rstrip("\n").split("\n"), start=1):
        try:
            _, rating, text = line.split("\t")
            ratings.setdefault(text.strip(), float(rating))
        except ValueError as error:
            raise DataError(
                f"{path}, line {number} is {line[:80]!r}; allowed: an id, a number and a text, with tabs "
                f"between them. Delete the file, and run: {packages.VADER.install}"
            ) from error
    return Dataset.from_dict({"text": [*ratings], "label": [*ratings.values()]})


def _load(_: DataConfig) -> Splits:
    """Return 8,603 rows for training, 500 for validation and 1,500 for the test."""
    rows = read_snippets(packages.find(packages.VADER))
    train, validation, test = hold_out(rows, TEST, VALIDATION)
    return Splits(train, validation, {"test": test})


TASK = Task(
    name="vader_movies",
    about="How good or bad does a snippet of a film review sound, from -4 to 4? The mean of what people said "
    "of 10,603 snippets.",
    problem=REGRESSION,
    columns=Columns(("text",), "label"),
    load=_load,
    score=correlations,
    headline="pearson",
    others=("spearman",),
    reads_path=False,
)
