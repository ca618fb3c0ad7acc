"""Peak memory of training, each contestant in a process of its own."""

import os
import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from . import theirs
from .cases import batches, chosen
from .config import BenchConfig
from .contestants import CONTESTANTS

STEPS = 3
_MARKS = Path("/proc/self/clear_refs")
_THRESHOLD = "MALLOC_MMAP_THRESHOLD_"  # read by glibc when a process starts


def measure(config: BenchConfig) -> dict[str, Any]:
    """Measure on the first case.

    Returns:
        ``case``, and by contestant ``peak`` in bytes: of the process on the CPU, less what it held with
        nothing but its libraries, with freed memory given back at once; of torch's allocator on a GPU.
    """
    case = _first(config)
    peak = {}
    for name in CONTESTANTS:
        # Spawned, not forked: a copy of this process would begin with all the memory that it has.
        with _returning_memory(), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            peak[name] = pool.submit(_in_a_process_of_its_own, name, config).result()
    return {"case": case.name, "peak": peak}


@contextmanager
def _returning_memory() -> Iterator[None]:
    """Let processes that start here give freed blocks back to the system at once.

    glibc keeps those of up to 32 MiB, and the gaps between them depend on the sizes that happened to be
    asked for in turn: they are not what a contestant needs.
    """
    before = os.environ.get(_THRESHOLD)
    os.environ[_THRESHOLD] = str(2**16)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THRESHOLD]
        else:
            os.environ[_THRESHOLD] = before


def _first(config: BenchConfig) -> Any:
    return chosen(config.cases, config.model, config.batch, config.tokens)[0]


def _in_a_process_of_its_own(name: str, config: BenchConfig) -> int:
    if config.threads:
        torch.set_num_threads(config.threads)
    logging.set_verbosity_error()  # as the command line does in this process's parent
    logging.disable_progress_bar()
    theirs.require_peft()  # in every process, so that all of them hold the same libraries
    before = peak_bytes(config.device)
    case = _first(config)
    racer = CONTESTANTS[name].build(case, config)
    forget_peak(config.device)  # a shrunk one has trained before it shrank
    for batch in batches(racer.model, case, STEPS, config.seed):
        racer.step(batch)
    return peak_bytes(config.device) - before


def forget_peak(device: str) -> None:
    """Let `peak_bytes` begin anew with what is held now; on the CPU, Linux alone can."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif os.access(_MARKS, os.W_OK):
        _MARKS.write_text("5", encoding="ascii")  # the code for VmHWM, see proc(5)


def peak_bytes(device: str) -> int:
    """Return the most memory that this process has held, on the device, since `forget_peak`; in bytes."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands ru_maxrss of the parent down to a spawned child; this mark is the child's own.
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
