"""Runs of a sweep beside each other on one machine."""

import os
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

from adalora.errors import ConfigError

from ..config import RunConfig
from .cell import run_cell
from .engine import Failure, Trained, failure_of, run_each
from .store import FolderError, Store
from .worker import set_up, silent


def run_all(configs: Sequence[RunConfig], store: Store, *, jobs: int, label: str) -> dict[Path, str]:
    """Train every run whose result is not there yet, in processes of this machine; see `run_each`.

    Args:
        configs: the runs; one that stands there twice is trained once.
        store: where the results go.
        jobs: processes; the cores are shared out among them.
        label: what stands before the progress bar.

    Returns:
        What went wrong, with the name of the run, by the file that its result would have gone to.

    Raises:
        ConfigError: a process has died.
        FolderError: the folder cannot be written to, or the disk is full.
    """
    return run_each(configs, store, partial(_trained, jobs=jobs), label=label)


def _trained(configs: Sequence[RunConfig], store: Store, commit: str | None, *, jobs: int) -> Trained:
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(jobs, get_context("spawn"), _prepare, (threads,)) as pool:
        try:
            running: dict[Future[None], RunConfig] = {
                pool.submit(_run, config, store.folder, commit): config for config in configs
            }
            for done in as_completed(running):
                error = done.exception()
                yield running[done], None if error is None else _failure(error, jobs)
        except BaseException:  # Ctrl-C: what waits is not begun, what runs comes to its end
            # Waited for here: the end of the block shuts down once more, and takes the word back to cancel.
            pool.shutdown(cancel_futures=True)
            raise


def _failure(error: BaseException, jobs: int) -> Failure:
    """Return why a run has failed, unless what happened is the end of the whole sweep."""
    if isinstance(error, BrokenProcessPool):
        raise ConfigError(
            f"jobs is {jobs}, and a process of them has died, most likely for want of memory; give fewer, or "
            f"smaller runs, and start again: what has finished is kept."
        ) from error
    if isinstance(error, FolderError):
        raise error
    return failure_of(error)


def _prepare(threads: int) -> None:
    """Set up a process as the command line does its own."""
    Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the parent to stop
    set_up(threads)


def _end_with_parent() -> None:
    """End this process with its parent: when that is killed it would go on, beside the next sweep."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(config: RunConfig, folder: Path, commit: str | None) -> None:
    with silent():
        result = run_cell(config, commit)
    Store(folder).write(config, result)
