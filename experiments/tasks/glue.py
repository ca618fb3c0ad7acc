"""The nine tasks of GLUE (Wang et al. 2018, arXiv 1804.07461), each measured as the benchmark does.

The labels of GLUE's test rows are not public: the numbers are those of its validation rows.
"""

from functools import partial

from ..config import DataConfig
from ..metrics import Score, accuracy, accuracy_and_f1, correlations, matthews
from ..problems import CLASSIFICATION, REGRESSION, Columns
from .source import Source, read
from .task import Splits, Task

HUB_NAME = "nyu-mll/glue"


def _load(
    subset: str, columns: Columns, classes: tuple[str, ...], tests: tuple[str, ...], data: DataConfig
) -> Splits:
    parts = read(Source(HUB_NAME, subset), data.path, ("train", *tests), columns)
    return Splits(parts["train"], parts[tests[0]], {name: parts[name] for name in tests}, classes)


def _task(
    subset: str,
    about: str,
    inputs: tuple[str, ...],
    classes: tuple[str, ...],
    *,
    score: Score = accuracy,
    headline: str = "accuracy",
    others: tuple[str, ...] = (),
    tests: tuple[str, ...] = ("validation",),
) -> Task:
    columns = Columns(inputs, "label")
    return Task(
        name=f"glue/{subset}",
        about=about,
        problem=CLASSIFICATION if classes else REGRESSION,
        columns=columns,
        load=partial(_load, subset, columns, classes, tests),
        score=score,
        headline=headline,
        others=others,
        held_out=False,
        classes=classes,
    )


COLA = _task(
    "cola",
    "Is a sentence good English?",
    ("sentence",),
    ("unacceptable", "acceptable"),
    score=matthews,
    headline="matthews",
)
MNLI = _task(
    "mnli",
    "Does one sentence follow from another, contradict it, or neither?",
    ("premise", "hypothesis"),
    ("entailment", "neutral", "contradiction"),
    tests=("validation_matched", "validation_mismatched"),
)
MRPC = _task(
    "mrpc",
    "Do two sentences from the news say the same?",
    ("sentence1", "sentence2"),
    ("not_equivalent", "equivalent"),
    score=accuracy_and_f1,
    others=("f1",),
)
QNLI = _task(
    "qnli",
    "Does a sentence answer a question?",
    ("question", "sentence"),
    ("entailment", "not_entailment"),
)
QQP = _task(
    "qqp",
    "Do two questions ask the same?",
    ("question1", "question2"),
    ("not_duplicate", "duplicate"),
    score=accuracy_and_f1,
    others=("f1",),
)
RTE = _task(
    "rte",
    "Does one sentence follow from another?",
    ("sentence1", "sentence2"),
    ("entailment", "not_entailment"),
)
SST2 = _task(
    "sst2",
    "Is a phrase from a film review for or against the film?",
    ("sentence",),
    ("negative", "positive"),
)
STSB = _task(
    "stsb",
    "How alike are two sentences, from 0 to 5?",
    ("sentence1", "sentence2"),
    (),
    score=correlations,
    headline="pearson",
    others=("spearman",),
)

WNLI = _task(
    "wnli",
    "Does a sentence follow from another in which a pronoun stands for one of its nouns?",
    ("sentence1", "sentence2"),
    ("not_entailment", "entailment"),
)

TASKS = (COLA, MNLI, MRPC, QNLI, QQP, RTE, SST2, STSB, WNLI)
