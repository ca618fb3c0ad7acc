"""``adalora sweep``: train what is not there yet, and tell what came out."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..config import RunConfig
from .engine import Engine
from .entries import Entry
from .outcomes import outcomes
from .runs import require_data
from .store import Store
from .table import table


def sweep(entries: Sequence[Entry], output: Path, *, engine: Engine, retry: bool, label: str) -> str:
    """Train the runs that have neither a result nor a failure, and return the table of all entries.

    First come the runs that decide on what is chosen, then those that are compared.

    Args:
        entries: what is compared.
        output: folder for the results.
        engine: where they are trained.
        retry: try those again that have failed.
        label: what stands before the progress bar.

    Raises:
        AdaLoRAError: data or model are not there, or results cannot be written; what has finished is kept.
    """
    store = Store(output)
    require_data([run for entry in entries for run in _to_come(entry, store, retry=retry)])
    if retry:  # not before all is checked: a reason that is forgotten for nothing is lost
        for config in (run for entry in entries for run in entry.configs()):
            store.forget_failure(config)
    trials = [run for entry in entries for runs in entry.trials.values() for run in runs]
    _train(trials, store, "trials", engine=engine, label=label)
    _train(
        (run for entry in entries for run in entry.compared(store)), store, "runs", engine=engine, label=label
    )
    return table(outcomes(entries, store))


def _train(configs: Iterable[RunConfig], store: Store, what: str, *, engine: Engine, label: str) -> None:
    every = list({store.path(config): config for config in configs}.values())
    waiting = [config for config in every if store.waits(config)]
    finished = sum(map(store.has, every))
    if every:
        sys.stderr.write(
            f"{len(every)} {what}: {finished} finished, {len(every) - finished - len(waiting)} failed, "
            f"{len(waiting)} to train\n"
        )
    if waiting:
        engine(waiting, store, label=label)


def _to_come(entry: Entry, store: Store, *, retry: bool) -> Iterator[RunConfig]:
    """Yield the runs of an entry that wait, or may come to; what is not chosen does not.

    With ``retry`` those that have failed wait, too.
    """
    again = retry and any(not store.has(run) for runs in entry.trials.values() for run in runs)
    for config in entry.configs() if again or entry.open(store) else entry.compared(store):
        if store.waits(config) or (retry and not store.has(config)):
            yield config
