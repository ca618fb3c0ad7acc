"""The tasks by name."""

from collections.abc import Mapping
from types import MappingProxyType

from ..checks import require, unknown
from ..config import DataConfig
from . import (
    dart,
    e2e,
    glue,
    hub,
    loveda,
    newsgroups,
    rotten_tomatoes,
    samsum,
    squad_v2,
    stsb,
    summaries,
    vader_movies,
    webnlg,
    wikisql,
    wordnet24,
    wordnet_definitions,
)
from .task import DATA_SEED, Splits, Task, cut, require_metric

__all__ = ["DATA_SEED", "TASKS", "Splits", "Task", "cut", "get", "held_out", "require_metric"]

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            rotten_tomatoes.TASK,
            vader_movies.TASK,
            newsgroups.TASK,
            wordnet24.TASK,
            wordnet_definitions.TASK,
            stsb.TASK,
            *glue.TASKS,
            squad_v2.TASK,
            *summaries.TASKS,
            e2e.TASK,
            webnlg.TASK,
            dart.TASK,
            samsum.TASK,
            wikisql.TASK,
            loveda.TASK,
        )
    }
)

_FOR_HUB_TASKS = ("subset", "text_columns", "label_column", "train_split", "eval_split")


def get(name: str, data: DataConfig) -> Task:
    """Return the task called ``name``.

    Raises:
        ConfigError: there is no such task (the near names are listed), or a setting has no meaning for it.
        DataError: the data set of a ``hub:`` task cannot be read.
    """
    if name.startswith(hub.PREFIX):
        task = hub.hub_task(name, data)
    elif name in TASKS:
        task = TASKS[name]
        _require_source(task, data)
    else:
        raise unknown("task", name, [*TASKS, "hub:NAME"])
    _require_lengths(task, data)
    return task


def held_out(name: str) -> bool:
    """Say whether a task's first test part is of other rows than its validation part, without reading any."""
    return not name.startswith(hub.PREFIX) and (name not in TASKS or TASKS[name].held_out)


def _require_lengths(task: Task, data: DataConfig) -> None:
    """Refuse lengths that only another kind of problem reads."""
    for name in sorted({"max_length", "stride", "target_length"} - set(task.problem.lengths)):
        value, default = getattr(data, name), getattr(DataConfig(), name)
        why = f"{default!r} for {task.name}, which does not read it; leave it out"
        require(value == default, f"data.{name}", value, why)


def _require_source(task: Task, data: DataConfig) -> None:
    """Refuse settings that say where rows lie and mean nothing for a task that knows."""
    plain = DataConfig()
    for name in _FOR_HUB_TASKS:
        value, default = getattr(data, name), getattr(plain, name)
        why = f"{default!r} for {task.name}, which knows its columns; hub:NAME is for data of your own"
        require(value == default, f"data.{name}", value, why)
    why = f"null for {task.name}, whose rows come from a package; hub:NAME reads a folder"
    require(task.reads_path or data.path is None, "data.path", data.path, why)
