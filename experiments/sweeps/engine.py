"""What every engine does with the runs of a sweep: which of them wait, the bar, and why one has failed."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from traceback import format_exception
from typing import Protocol

from tqdm import tqdm

from ..config import RunConfig
from ..versions import current_commit
from .store import Store


@dataclass(frozen=True)
class Failure:
    """Why a run has failed.

    Attributes:
        reason: on one line.
        traceback: in full.
    """

    reason: str
    traceback: str


Trained = Generator[tuple[RunConfig, Failure | None], None, None]
Train = Callable[[Sequence[RunConfig], Store, str | None], Trained]


class Engine(Protocol):
    """Where the runs of a sweep are trained."""

    def __call__(self, configs: Sequence[RunConfig], store: Store, *, label: str) -> dict[Path, str]:
        """Train every run whose result is not there yet; see `run_each`."""


def run_each(configs: Sequence[RunConfig], store: Store, train: Train, *, label: str) -> dict[Path, str]:
    """Have every run trained whose result is not there yet.

    A result is written as soon as it is there, and so is the reason of a failure, which does not keep a run
    from being tried again. So a sweep that is stopped goes on where it was.

    Args:
        configs: the runs; one that stands there twice is trained once.
        store: where the results go.
        train: takes runs, store and commit; yields every run when its result is written, or with what failed.
            It is closed where the sweep ends before.
        label: what stands before the progress bar.

    Returns:
        What went wrong, with the name of the run, by the file that its result would have gone to; empty where
        nothing did.

    Raises:
        ConfigError: the engine cannot go on.
        FolderError: the folder cannot be written to, or the disk is full.
    """
    waiting = {store.path(config): config for config in configs if not store.has(config)}
    failed: dict[Path, str] = {}
    if not waiting:
        return failed
    commit = current_commit()  # of the code that runs, whatever is edited while it does
    with (
        tqdm(total=len(waiting), desc=label, unit="run", file=sys.stderr) as bar,
        closing(train(list(waiting.values()), store, commit)) as trained,
    ):
        for config, failure in trained:
            if failure is not None:
                store.write_failure(config, failure.reason, failure.traceback)
                failed[store.path(config)] = f"{config.name}: {failure.reason}"
            bar.update()
    return failed


def failure_of(error: BaseException) -> Failure:
    """Return an error in words."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(reason, "".join(format_exception(error)))
