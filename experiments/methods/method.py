"""What a method is: which settings it takes, what it does to a model, and what is kept of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import nn
from transformers import TrainerCallback

from ..checks import require
from ..config import RunConfig
from ..named import setting_of, with_setting

Prepare = Callable[[nn.Module, RunConfig], list[TrainerCallback]]
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Method:
    """One way of training, a row of `METHODS`.

    Attributes:
        name: as configuration files say it.
        label: as tables and reports say it.
        paper: who described it, and where.
        prepare: (model, settings that `resolve` has returned) -> callbacks for the Trainer; changes the model
            in place.
        save: (model, callbacks, folder of the run) -> None; writes what was trained.
        load: (model as it was before `prepare`, folder of the run) -> None; puts in what `save` wrote.
        rates: learning rates to choose from.
        needs: settings without which it would be another method, by full name.
        why: what stands behind ``method: NAME`` in the error about one of them that is otherwise.
        brings: settings that it has where they are left at the toolkit's own default.
        ignored: parts of the settings that have no say.
        size: the setting that makes it train more or fewer weights; empty where there is none.
    """

    name: str
    label: str
    paper: str
    prepare: Prepare
    save: Callable[[nn.Module, list[TrainerCallback], Path], None]
    load: Callable[[nn.Module, Path], None]
    rates: tuple[float, ...]
    needs: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    why: str = ""
    brings: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    ignored: tuple[str, ...] = ()
    size: str = ""

    @property
    def defaults(self) -> Mapping[str, Any]:
        """All settings that come with it, by full name."""
        return {**self.needs, **self.brings}

    def resolve(self, config: RunConfig) -> RunConfig:
        """Return the settings that the method really takes.

        Raises:
            ConfigError: one of them has no meaning for it.
        """
        for name, value in self.defaults.items():
            if setting_of(config, name) == _usual(config, name):
                config = with_setting(config, name, value)
        for name, value in self.needs.items():
            found = setting_of(config, name)
            require(found == value, name, found, f"{as_written(value)} with method: {self.name}{self.why}")
        return config


def as_written(value: Any) -> str:
    """Return a setting as a YAML file says it, text in quotes."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _usual(config: RunConfig, name: str) -> Any:
    part, _, key = name.partition(".")
    return next(one.default for one in fields(getattr(config, part)) if one.name == key)
