"""A process that trains runs for another one: its threads, and its silence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import torch
from transformers.utils import logging


def set_up(threads: int) -> None:
    """Set up this process as the command line does its own, with so many threads."""
    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


@contextmanager
def silent() -> Iterator[None]:
    """Say nothing on standard error: bars of several processes would write over each other."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        yield
