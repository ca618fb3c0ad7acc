"""20 Newsgroups: to which of 20 groups was a message sent (Lang 1995)?

The rows are those of A. Cardoso-Cachopo's files, 11,293 and 7,528 messages in which every group has a part,
split by date. There the subject stands before the text, the other headers are gone, letters are small, and
everything that is no letter is a space. Quoted lines and signatures are still in the text ("in article … x
writes"), and so are addresses, in pieces. They tell groups apart that a reader could not: numbers are higher
here than on a copy of the data without them. Nothing more is taken out here.
"""

from pathlib import Path

from datasets import Dataset

from adalora.errors import DataError

from .. import packages
from ..config import DataConfig
from ..metrics import accuracy
from ..problems import CLASSIFICATION, Columns
from .task import Splits, Task, hold_out

VALIDATION = 1000
HEAD = 3  # lines above the rows: names, kinds and roles of the columns

# In the order of their names, which is that of their numbers.
GROUPS = (
    "alt.atheism",
    "comp.graphics",
    "comp.os.ms-windows.misc",
    "comp.sys.ibm.pc.hardware",
    "comp.sys.mac.hardware",
    "comp.windows.x",
    "misc.forsale",
    "rec.autos",
    "rec.motorcycles",
    "rec.sport.baseball",
    "rec.sport.hockey",
    "sci.crypt",
    "sci.electronics",
    "sci.med",
    "sci.space",
    "soc.religion.christian",
    "talk.politics.guns",
    "talk.politics.mideast",
    "talk.politics.misc",
    "talk.religion.misc",
)


def read_messages(path: Path) -> dict[str, str]:
    """Return the group of every message; one that comes again, sent to several groups, counts for the first.

    Raises:
        DataError: a line has another form, or names another group.
    """
    found: dict[str, str] = {}
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines[HEAD:], start=HEAD + 1):
        if not line:  # below the head, and at the end
            continue
        group, tab, text = line.partition("\t")
        if not tab or group not in GROUPS:
            raise DataError(
                f"{path}, line {number} begins with {group[:40]!r}; allowed: the name of one of the "
                f"{len(GROUPS)} groups, a tab and a text. Install the package again: "
                f"{packages.NEWSGROUPS.install}"
            )
        found.setdefault(text, group)
    return found


def _load(_: DataConfig) -> Splits:
    """Return 10,266 rows for training, 1,000 for validation, and the 7,521 messages of the test file.

    Test rows are those of the file, which are later than all others: drawn at random, answers would be tested
    on whose questions were trained on. Seven messages of the training file are in the test file too, and are
    left out here. Validation rows are drawn from the training file.
    """
    path = packages.find(packages.NEWSGROUPS)
    test = read_messages(path.with_name("20newsgroups-test.tab"))
    train = {text: group for text, group in read_messages(path).items() if text not in test}
    rest, validation, _none = hold_out(_rows(train), 0, VALIDATION)
    return Splits(rest, validation, {"test": _rows(test)}, GROUPS)


def _rows(messages: dict[str, str]) -> Dataset:
    labels = [GROUPS.index(group) for group in messages.values()]
    return Dataset.from_dict({"text": [*messages], "label": labels})


TASK = Task(
    name="newsgroups",
    about="To which of 20 newsgroups was a message sent? 18,787 messages, quoted lines and all.",
    problem=CLASSIFICATION,
    columns=Columns(("text",), "label"),
    load=_load,
    score=accuracy,
    headline="accuracy",
    classes=GROUPS,
    reads_path=False,
)
