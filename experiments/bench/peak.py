"""Peak memory of training, each contestant in a process of its own."""

import resource
import sys
from concurrent.futures import ProcessPoolExecutor
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


def measure(config: BenchConfig) -> dict[str, Any]:
    """Measure on the first case.

    Returns:
        ``case``, and by contestant ``peak`` in bytes: of the process on the CPU, less what it held with
        nothing but its libraries; of torch's allocator on a GPU.
    """
    case = _first(config)
    peak = {}
    for name in CONTESTANTS:
        # Spawned, not forked: a copy of this process would begin with all the memory that it has.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            peak[name] = pool.submit(_in_a_process_of_its_own, name, config).result()
    return {"case": case.name, "peak": peak}


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
    for batch in batches(racer.model, case, STEPS, config.seed):
        racer.step(batch)
    return peak_bytes(config.device) - before


def peak_bytes(device: str) -> int:
    """Return the most memory that this process has held so far, on the device, in bytes."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands ru_maxrss of the parent down to a spawned child; this mark is the child's own.
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
