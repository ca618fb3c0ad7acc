"""The runs of a sweep: every combination with its settings, checked before anything trains."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from adalora.errors import AdaLoRAError, ConfigError

from .. import methods, optimizers
from ..config import RunConfig
from ..mappings import flatten
from ..prepare import prepare
from .plan import Plan
from .store import key_of

Reader = Callable[[Mapping[str, Any]], RunConfig]


def runs_of(plan: Plan, base: Mapping[str, Any], read_run: Reader) -> list[RunConfig]:
    """Return the settings of every run, as its method really takes them.

    Args:
        plan: the sweep.
        base: what all runs share.
        read_run: settings by full name -> checked settings.

    Raises:
        ConfigError: a setting is unknown or has a wrong value, which is named with the run; or two
            combinations come to the same run.
    """
    shared, varied = flatten(base), plan.varied()
    seen: dict[str, Mapping[str, Any]] = {}
    configs = []
    # Thousands of runs take minutes to check; a handful no time.
    for changes in tqdm(plan.combinations(), "settings", plan.count(), unit="run", leave=False, delay=2):
        name = name_of({one: changes[one] for one in varied if one in changes}) or plan.name
        config = _resolved({**shared, **flatten(changes), "name": name}, read_run)
        key = key_of(config)
        if key in seen:
            raise ConfigError(
                f"{_in_words(seen[key])} and {_in_words(changes)} come to one run, since nothing that tells "
                f"them apart has a say in it; take one out, or put them in grids of their own."
            )
        seen[key] = changes
        configs.append(config)
    return configs


def _resolved(values: Mapping[str, Any], read_run: Reader) -> RunConfig:
    try:
        config = read_run(values)
        return methods.get(config.method).resolve(config)
    except ConfigError as error:
        raise ConfigError(f"run {values['name']}: {error}") from error


def name_of(changes: Mapping[str, Any]) -> str:
    """Return a name for a run that tells its changes, such as ``rank_8-seed_0``, fit for a folder.

    What had to be left out of it, a slash or a hundredth letter, is told by a hash at its end.
    """
    whole = "-".join(f"{_last(name, changes)}_{_said(value)}" for name, value in changes.items())
    fit = re.sub(r"[^A-Za-z0-9_.+-]", ".", whole).replace("+", "")[:91]
    return fit if fit == whole else f"{fit}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def _last(name: str, names: Iterable[str]) -> str:
    """Return the last part of a setting's name, or all of it where another one ends alike."""
    last = name.rpartition(".")[2]
    return name if sum(other.rpartition(".")[2] == last for other in names) > 1 else last


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ".".join(f"{name}_{_said(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ".".join(map(_said, value))
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _in_words(changes: Mapping[str, Any]) -> str:
    return "(" + ", ".join(f"{name}={_said(value)}" for name, value in changes.items()) + ")"


def require_data(configs: Sequence[RunConfig]) -> None:
    """Load the data of every task, model and cut once and throw them away: what does not fit is said at once.

    Raises:
        ConfigError: a task is unknown, a setting has no meaning for it, or an optimizer cannot be had.
        DataError: data or model are not there, a split is empty, or a label is none of the classes.
    """
    distinct = {repr((config.task, config.model, config.data)): config for config in configs}
    for config in distinct.values():
        try:
            prepare(config)
        except AdaLoRAError as error:
            raise type(error)(f"run {config.name}: {error}") from error
    for config in {config.training.optimizer: config for config in configs}.values():
        optimizers.check(config.training)
