"""Runs of a sweep beside each other on one machine."""

import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stderr
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from traceback import format_exception

import torch
from tqdm import tqdm
from transformers.utils import logging

from adalora.errors import ConfigError

from ..config import RunConfig
from ..versions import current_commit
from .cell import run_cell
from .store import FolderError, Store


def run_all(configs: Sequence[RunConfig], store: Store, *, jobs: int, label: str) -> dict[Path, str]:
    """Train every run whose result is not there yet.

    A result is written as soon as it is there, and so is the reason of a failure, which does not keep a run
    from being tried again. So a sweep that is stopped goes on where it was.

    Args:
        configs: the runs; one that stands there twice is trained once.
        store: where the results go.
        jobs: processes; the cores are shared out among them.
        label: what stands before the progress bar.

    Returns:
        What went wrong, with the name of the run, by the file that its result would have gone to; empty where
        nothing did.

    Raises:
        ConfigError: a process has died.
        FolderError: the folder cannot be written to, or the disk is full.
    """
    waiting = {store.path(config): config for config in configs if not store.has(config)}
    threads = max(1, (os.cpu_count() or 1) // jobs)
    failed: dict[Path, str] = {}
    commit = current_commit()  # of the code that runs, whatever is edited while it does
    with (
        ProcessPoolExecutor(jobs, get_context("spawn"), _prepare, (threads,)) as pool,
        tqdm(total=len(waiting), desc=label, unit="run", file=sys.stderr) as bar,
    ):
        running: dict[Future[None], RunConfig] = {
            pool.submit(_run, config, store.folder, commit): config for config in waiting.values()
        }
        try:
            for done in as_completed(running):
                error, config = done.exception(), running[done]
                if error is not None:
                    failed[store.path(config)] = f"{config.name}: {_reason(error, config, store, jobs)}"
                bar.update()
        except BaseException:  # Ctrl-C: what waits is not begun, what runs comes to its end
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failed


def _reason(error: BaseException, config: RunConfig, store: Store, jobs: int) -> str:
    """Write why a run has failed and return it, unless what happened is the end of the whole sweep."""
    if isinstance(error, BrokenProcessPool):
        raise ConfigError(
            f"jobs is {jobs}, and a process of them has died, most likely for want of memory; give fewer, or "
            f"smaller runs, and start again: what has finished is kept."
        ) from error
    if isinstance(error, FolderError):
        raise error
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    store.write_failure(config, reason, "".join(format_exception(error)))
    return reason


def _prepare(threads: int) -> None:
    """Set up a process as the command line does its own."""
    Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the parent to stop
    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _end_with_parent() -> None:
    """End this process with its parent: when that is killed it would go on, beside the next sweep."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(config: RunConfig, folder: Path, commit: str | None) -> None:
    # Bars of several processes would write over each other.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        result = run_cell(config, commit)
    Store(folder).write(config, result)
