"""What a sweep compares: every combination with its runs, checked before anything trains."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from tqdm import tqdm

from adalora.errors import AdaLoRAError, ConfigError

from .. import methods
from ..checks import require
from ..config import RunConfig
from ..mappings import flatten
from .budget import within
from .choice import best
from .names import in_words, name_of
from .plan import Plan
from .store import Store, key_of

Reader = Callable[[Mapping[str, Any]], RunConfig]
Runs = Mapping[Any, tuple[RunConfig, ...]]
VALIDATION = "validation"
_SEED = "seed"


@dataclass(frozen=True)
class Entry:
    """One combination of a sweep, over its seeds.

    Attributes:
        name: what varies, without the seed.
        changes: what is put over the base, as the file says it, without the seed.
        finals: the runs that are compared, one a seed, by the value that has been chosen; None stands for it
            where nothing is chosen.
        trials: the runs that decide, by value; empty where nothing is chosen.
    """

    name: str
    changes: Mapping[str, Any]
    finals: Runs
    trials: Runs

    def configs(self) -> Iterator[RunConfig]:
        """Yield the settings of every run that there may be; what is tried may be compared, too."""
        for runs in (*self.trials.values(), *self.finals.values()):
            yield from runs

    def validation(self, store: Store) -> dict[Any, float]:
        """Return the mean validation score of every value that has all the results that decide.

        Raises:
            CheckpointError: a result is damaged.
        """
        return {
            value: fmean(_validation_score(store.read(run)) for run in runs)
            for value, runs in self.trials.items()
            if all(map(store.has, runs))
        }

    def open(self, store: Store) -> bool:
        """Say whether a run that decides has neither a result nor a failure yet.

        Raises:
            CheckpointError: the file of a failure is damaged.
        """
        return any(store.waits(run) for runs in self.trials.values() for run in runs)

    def chosen(self, store: Store) -> Any:
        """Return the value with the best mean validation score.

        None where there is nothing to choose from, and while the choice is open: what is left to try may be
        better.

        Raises:
            CheckpointError: a result is damaged.
        """
        scores = {} if self.open(store) else self.validation(store)
        return best(scores) if scores else None

    def compared(self, store: Store) -> tuple[RunConfig, ...]:
        """Return the runs that are compared, one a seed; none while the choice is open or has failed.

        Raises:
            CheckpointError: a result is damaged.
        """
        return self.finals.get(self.chosen(store), ())


def _validation_score(result: Mapping[str, Any]) -> float:
    score = result["scores"][VALIDATION][result["headline"]]
    return float("-inf") if score is None else float(score)  # a run whose weights have run away


def entries_of(plan: Plan, base: Mapping[str, Any], read_run: Reader) -> list[Entry]:
    """Return what a sweep compares, with the settings that every method really takes.

    Args:
        plan: the sweep.
        base: what all runs share.
        read_run: settings by full name -> checked settings.

    Raises:
        ConfigError: a setting is unknown or has a wrong value, which is named with the run; two combinations
            come to the same run; or a method cannot be as small as the budget.
        DataError: a budget in parameters needs the layout of a model that is not there.
    """
    shared = flatten(base)
    groups = _by_seed(plan, shared.get(_SEED, RunConfig.seed))
    maker = _Maker(plan, shared, read_run)
    owners: dict[str, Mapping[str, Any]] = {}
    entries = []
    # Thousands of runs take minutes to check; a handful no time.
    for changes, seeds in tqdm(groups, "settings", unit="entry", leave=False, delay=2):
        entry = maker.entry(changes, seeds)
        for key, run in {key_of(run): run for run in entry.configs()}.items():
            this = {**changes, _SEED: run.seed} if maker.seeds_vary else changes
            if key in owners:
                raise _same(owners[key], this)
            owners[key] = this
        entries.append(entry)
    return entries


def _by_seed(plan: Plan, usual: Any) -> list[tuple[Mapping[str, Any], list[int]]]:
    """Return every combination without its seed, and the seeds that it has."""
    groups: dict[str, tuple[Mapping[str, Any], list[int]]] = {}
    for changes in plan.combinations():
        rest = {name: value for name, value in changes.items() if name != _SEED}
        _, seeds = groups.setdefault(repr(rest), (rest, []))
        for seed in plan.seeds or (changes.get(_SEED, usual),):
            if seed in seeds:
                raise _same({**rest, _SEED: seed}, {**rest, _SEED: seed})
            seeds.append(seed)
    return list(groups.values())


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> ConfigError:
    return ConfigError(
        f"{in_words(one)} and {in_words(other)} come to one run, since nothing that tells them apart has a "
        f"say in it; take one out, or put them in grids of their own."
    )


class _Maker:
    """Makes the runs of combinations.

    Args:
        plan: the sweep.
        shared: settings of its base by full name.
        read_run: settings by full name -> checked settings.
    """

    def __init__(self, plan: Plan, shared: Mapping[str, Any], read_run: Reader) -> None:
        self.plan, self.shared, self.read_run = plan, shared, read_run
        self.sizes: dict[str, dict[str, Any]] = {}
        self.varied = [name for name in plan.varied() if name != _SEED]
        deciding = () if plan.choice is None else plan.choice.seeds
        self.seeds_vary = _SEED in plan.varied() or len({*plan.seeds, *deciding}) > 1

    def entry(self, changes: Mapping[str, Any], seeds: Sequence[int]) -> Entry:
        """Return one combination with all its runs."""
        words = {one: changes[one] for one in self.varied if one in changes}
        name = name_of(words) or self.plan.name
        values = {**self.shared, **flatten(changes)}
        choice = self.plan.choice
        try:
            method = methods.get(str(values.get("method", RunConfig.method)))
            options: tuple[Any, ...] = (None,) if choice is None else choice.of(method.name)
            settings = {option: self._settings(values, option) for option in options}
        except AdaLoRAError as error:
            raise type(error)(f"run {name}: {error}") from error

        first: dict[Any, RunConfig] = {}

        def runs(value: Any, some: Sequence[int]) -> tuple[RunConfig, ...]:
            # Reading settings takes a tenth of a second, and runs that differ in their seed are many.
            if value not in first:
                first[value] = self._run(settings[value], words, value, some[0])
            return tuple(
                replace(first[value], seed=seed, name=self._name(words, value, seed))
                if isinstance(seed, int)
                else self._run(settings[value], words, value, seed)
                for seed in some
            )

        if choice is None:
            return Entry(name, changes, {None: runs(None, seeds)}, {})
        finals = {value: runs(value, seeds) for value in options}
        return Entry(name, changes, finals, {value: runs(value, choice.seeds) for value in options})

    def _settings(self, values: Mapping[str, Any], chosen: Any) -> dict[str, Any]:
        """Return the settings of a combination with a chosen value, within the budget."""
        choice, budget = self.plan.choice, self.plan.budget
        values = dict(values) if choice is None else {**values, choice.setting: chosen}
        if budget is None:
            return values
        # Learning rates have no say in how many weights there are, which takes a moment to count.
        key = repr({name: value for name, value in values.items() if not name.startswith("training.")})
        if key not in self.sizes:
            self.sizes[key] = within(budget, {**values, "name": self.plan.name}, self.read_run)
        sizes = self.sizes[key]
        if choice is not None:
            what = "a setting that the budget does not set"
            require(choice.setting not in sizes, f"choose: {choice.setting}", list(choice.values), what)
        return values | sizes

    def _run(self, values: Mapping[str, Any], words: Mapping[str, Any], chosen: Any, seed: int) -> RunConfig:
        """Return the settings of one run, as its method really takes them."""
        name = self._name(words, chosen, seed)
        try:
            config = self.read_run({**values, _SEED: seed, "name": name})
            return methods.get(config.method).resolve(config)
        except ConfigError as error:
            raise ConfigError(f"run {name}: {error}") from error

    def _name(self, words: Mapping[str, Any], chosen: Any, seed: int) -> str:
        choice = self.plan.choice
        picked = {} if choice is None else {choice.setting: chosen}
        told = {**words, **picked, **({_SEED: seed} if self.seeds_vary else {})}
        return name_of(told) or self.plan.name
