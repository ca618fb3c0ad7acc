"""WordNet: write the definition of a noun (Fellbaum 1998)."""

from collections.abc import Sequence

from datasets import Dataset

from .. import packages
from ..config import DataConfig
from ..metrics import Scores
from ..problems import WRITING, Columns
from ..rouge import require_rouge, rouge
from ..texts.sacre import chrf, require_sacrebleu
from .nouns import read_nouns
from .task import Splits, Task, hold_out

TEST, VALIDATION = 500, 500


def _load(_: DataConfig) -> Splits:
    """Return 81,192 rows for training, 500 for validation and 500 for the test."""
    require_rouge()  # a training must not end without a number
    require_sacrebleu()
    nouns = list(read_nouns(packages.find(packages.WORDNET)))
    rows = Dataset.from_dict(
        {"word": [noun.word for noun in nouns], "definition": [noun.definition for noun in nouns]}
    )
    train, validation, test = hold_out(rows, TEST, VALIDATION)
    return Splits(train, validation, {"test": test})


def _score(predictions: Sequence[str], references: Sequence[str]) -> Scores:
    """Return chrF and BLEU of the whole, in [0, 1], and ROUGE; BLEU tells capitals from small letters."""
    bleu = require_sacrebleu().BLEU().corpus_score(list(predictions), [list(references)])
    return {
        **chrf(predictions, [[text] for text in references]),
        "bleu": bleu.score / 100,
        **rouge(predictions, references),
    }


TASK = Task(
    name="wordnet_definitions",
    about="Write the definition of a noun. 82,192 meanings of WordNet 3.1.",
    problem=WRITING,
    columns=Columns(("word",), "definition"),
    load=_load,
    score=_score,
    headline="chrf",
    others=("bleu", "rouge1", "rouge2", "rougeLsum"),
    reads_path=False,
)
