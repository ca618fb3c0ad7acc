"""Runs of a sweep beside each other on one machine."""

import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr
from multiprocessing import get_context
from pathlib import Path

import torch
from tqdm import tqdm
from transformers.utils import logging

from ..config import RunConfig
from ..versions import current_commit
from .cell import run_cell
from .store import Store


def run_all(configs: Sequence[RunConfig], store: Store, *, jobs: int, label: str) -> dict[Path, str]:
    """Train every run whose result is not there yet.

    A result is written as soon as it is there, so a sweep that is stopped goes on where it was.

    Args:
        configs: the runs; one that stands there twice is trained once.
        store: where the results go.
        jobs: processes; the cores are shared out among them.
        label: what stands before the progress bar.

    Returns:
        What went wrong, with the name of the run, by the file that its result would have gone to; empty where
        nothing did.
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
                error = done.exception()
                if error is not None:
                    config = running[done]
                    failed[store.path(config)] = f"{config.name}: {type(error).__name__}: {error}"
                bar.update()
        except BaseException:  # Ctrl-C: what waits is not begun, what runs comes to its end
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failed


def _prepare(threads: int) -> None:
    """Set up a process as the command line does its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the parent to stop
    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _run(config: RunConfig, folder: Path, commit: str | None) -> None:
    # Bars of several processes would write over each other.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        result = run_cell(config, commit)
    Store(folder).write(config, result)
