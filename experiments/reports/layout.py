"""How the tables of a sweep are laid out: what stands behind ``report`` in its file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import yaml

from adalora.errors import ConfigError

from ..checks import did_you_mean, require
from .words import written

VALIDATION, TEST = "validation", "test"
BEST = "best"
_NAMES = "a list of names, such as [method, adapter.rank]"

Labels = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Layout:
    """The tables of a sweep. Every field may be left out.

    Settings go by their full names, such as ``adapter.rank``, whether they vary or not.

    Attributes:
        title: of the report; the sweep's name where it is empty.
        paper: which table it has the shape of, in words, such as ``Hu et al. 2021, Table 5``.
        rows: settings that make a row; empty for all that vary and make neither columns nor blocks.
        columns: settings that make a column, as in LoRA's Tables 5 and 6; empty where the metrics are the
            columns, as in its Tables 2, 3 and 18.
        blocks: settings that make a table of their own; None for task and model, where they vary and stand
            neither in ``rows`` nor in ``columns``.
        metrics: what is shown; ``loss`` is the task's loss; empty for the headline of each task.
        part: parts that are shown: ``validation``, ``test`` for the first test part of the task, or the name
            of one of them. ``loss`` is always that of the validation rows, as in LoRA's Table 18.
        labels: what values are called: setting -> value as the file says it -> label.
        names: what settings and metrics are called.
        compare: settings that tell the entry which the others of its task and model are tested against; None
            for the best one.
    """

    title: str = ""
    paper: str = ""
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    blocks: tuple[str, ...] | None = None
    metrics: tuple[str, ...] = ()
    part: tuple[str, ...] = (TEST,)
    labels: Labels = field(default_factory=lambda: MappingProxyType({}))
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    compare: Mapping[str, Any] | None = None

    def settings(self) -> tuple[tuple[str, str], ...]:
        """Return every setting that is named, and the field that names it."""
        named = [("rows", self.rows), ("columns", self.columns), ("blocks", self.blocks or ())]
        named += [("labels", tuple(self.labels)), ("compare", tuple(self.compare or ()))]
        return tuple((where, name) for where, names in named for name in names)


def read_layout(found: Mapping[str, Any]) -> Layout:
    """Return what stands behind ``report``.

    Raises:
        ConfigError: a field is unknown, which is named with those that come close, or of a wrong kind; or a
            setting stands in two places.
    """
    known = [one.name for one in fields(Layout)]
    for name in found:
        if name not in known:
            raise ConfigError(
                f"report: {name} is nothing that a report has; allowed: {', '.join(known)}."
                f"{did_you_mean(str(name), known)}"
            )
    layout = Layout(**{name: _READERS[name](f"report: {name}", value) for name, value in found.items()})
    places = [*layout.rows, *layout.columns, *(layout.blocks or ())]
    twice = next((name for name in places if places.count(name) > 1), None)
    require(twice is None, "report", twice, "a setting in one place of rows, columns and blocks")
    return layout


def _text(where: str, found: Any) -> str:
    require(isinstance(found, str), where, found, "a text")
    return str(found)


def _list(where: str, found: Any) -> tuple[str, ...]:
    fits = isinstance(found, list) and all(isinstance(one, str) and one for one in found)
    require(fits and len(set(found)) == len(found), where, found, f"{_NAMES}, each once")
    return tuple(found)


def _parts(where: str, found: Any) -> tuple[str, ...]:
    parts = _list(where, [found] if isinstance(found, str) else found)
    require(bool(parts), where, found, f"{VALIDATION}, {TEST}, or names of test parts")
    return parts


def _names(where: str, found: Any) -> Mapping[str, str]:
    fits = isinstance(found, Mapping) and all(isinstance(one, str | int | float) for one in found.values())
    require(fits, where, found, "a text by name, such as {adapter.rank: r}")
    return MappingProxyType({str(name): str(text) for name, text in found.items()})


def _labels(where: str, found: Any) -> Labels:
    what = 'labels by value by setting, such as {adapter.target_modules: {"[query]": W_q}}'
    require(isinstance(found, Mapping), where, found, what)
    labels = {}
    for setting, values in found.items():
        texts = _names(f"{where}: {setting}", values)
        labels[str(setting)] = MappingProxyType({_as_written(value): text for value, text in texts.items()})
    return MappingProxyType(labels)


def _as_written(value: str) -> str:
    """Return a value as `written` would, however much space the file has in it."""
    try:
        return written(yaml.safe_load(value))
    except yaml.YAMLError:
        return value


def _compare(where: str, found: Any) -> Mapping[str, Any] | None:
    if found == BEST:
        return None
    what = f"{BEST}, or settings that tell one entry, such as {{method: lora}}"
    require(isinstance(found, Mapping) and bool(found), where, found, what)
    return MappingProxyType(dict(found))


_READERS: Mapping[str, Any] = MappingProxyType(
    {
        "title": _text,
        "paper": _text,
        "rows": _list,
        "columns": _list,
        "blocks": _list,
        "metrics": _list,
        "part": _parts,
        "labels": _labels,
        "names": _names,
        "compare": _compare,
    }
)
