"""From settings to data that a model can take; done once, and shared by all methods of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from transformers import AutoConfig, EvalPrediction

from adalora.errors import DataError

from . import methods, tasks
from .config import RunConfig
from .metrics import Scores
from .positions import positions_of, require_room
from .pretrained import from_pretrained
from .problems import CLASSIFICATION, Part
from .tasks import Task

_TEXTS = ("string", "large_string")


@dataclass(frozen=True)
class Prepared:
    """A task, cut, encoded and ready to be trained on.

    Attributes:
        config: the settings.
        task: the task.
        processor: what prepares the model's inputs, such as its tokenizer.
        classes: names of the classes; empty if there are none.
        train: what is trained on.
        validation: what is looked at on the way.
        test: what the final numbers are taken from, by name; the first one gives the headline.
    """

    config: RunConfig
    task: Task
    processor: Any
    classes: tuple[str, ...]
    train: Part
    validation: Part
    test: Mapping[str, Part]

    def measure(self, part: Part, output: EvalPrediction) -> Scores:
        """Return the task's numbers for a model's output over ``part``."""
        problem = self.task.problem
        predictions = problem.decode(output, part, self.processor, self.config.evaluation)
        return self.task.score(predictions, problem.references(part))

    def constant(self) -> dict[str, Scores]:
        """Return the numbers of the answer that needs no model, for each test part."""
        problem = self.task.problem
        return {
            name: self.task.score(problem.constant(part), problem.references(part))
            for name, part in self.test.items()
        }


def prepare(config: RunConfig) -> Prepared:
    """Load, cut and encode the data of a run.

    Raises:
        ConfigError: task or method is unknown, a setting has no meaning for it, or the model has no room for
            the longest row and the tokens that the method trains.
        DataError: data or model are not there, and the message says how to get them; or a label is none of
            the task's classes.
    """
    task = tasks.get(config.task, config.data)
    processor = task.problem.load_processor(config.model)
    splits = task.load(config.data)

    def part(rows: Dataset, limit: int | None) -> Part:
        rows = tasks.cut(rows, limit)
        if task.problem.lengths:  # of texts
            _require_texts(config.task, rows, task.columns.inputs)
        _require_classes(task, rows, splits.classes)
        return Part(rows, task.columns, task.problem.encode(rows, task.columns, processor, config.data))

    limit = config.data.eval_rows
    # Where validation and test are the same rows, they are encoded once.
    encoded: dict[int, Any] = {
        id(rows): part(rows, limit) for rows in (splits.validation, *splits.test.values())
    }
    prepared = Prepared(
        config=config,
        task=task,
        processor=processor,
        classes=splits.classes,
        train=part(splits.train, config.data.train_rows),
        validation=encoded[id(splits.validation)],
        test={name: encoded[id(rows)] for name, rows in splits.test.items()},
    )
    _require_room(prepared)
    return prepared


def _require_room(data: Prepared) -> None:
    problem, model, own = data.task.problem, data.config.model, data.config.tokens
    if problem.lengths:  # of texts
        positions = positions_of(from_pretrained(AutoConfig, model))
        parts = {"training": data.train, "validation": data.validation, **data.test}
        tokens = 0 if "tokens" in methods.get(data.config.method).ignored else own.prefix + own.infix
        require_room(model, positions, problem, parts, data.config.data, tokens=tokens)


def _require_texts(task: str, rows: Dataset, inputs: Sequence[str]) -> None:
    """Refuse inputs that are no texts, such as a column of numbers in a csv."""
    for name in inputs:
        if getattr(rows.features[name], "dtype", None) not in _TEXTS:
            raise DataError(
                f"{task}: column {name!r} holds {rows[0][name]!r}; allowed: texts. Numbers can be texts in a "
                f"jsonl or parquet file, not in a csv."
            )


def _require_classes(task: Task, rows: Dataset, classes: Sequence[str]) -> None:
    """Refuse labels that are names, or numbers of no class; any other target is left to the problem."""
    target = task.columns.target
    labels = rows[target] if classes else ()
    names = {label for label in labels if isinstance(label, str) and task.problem is CLASSIFICATION}
    numbers = {label for label in labels if isinstance(label, int) and not 0 <= label < len(classes)}
    if wrong := [*sorted(names), *sorted(numbers)]:
        raise DataError(
            f"{task.name}: column {target!r} holds {', '.join(map(repr, wrong[:5]))}; allowed: 0 to "
            f"{len(classes) - 1}, for {', '.join(classes[:30])}. Mend those rows, or leave them out."
        )
