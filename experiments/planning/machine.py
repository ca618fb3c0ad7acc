"""What this machine has: memory, a GPU's memory, room on a disk, and how fast it multiplies."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch

from ..bench.timing import time_of

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_SIDES = {"cpu": 1024}  # of the matrices that are multiplied; large enough to be as fast as they get
_ON_A_GPU = 4096


@dataclass(frozen=True)
class Machine:
    """A machine.

    Attributes:
        device: what a run takes: an accelerator where there is one, else the CPU.
        memory: bytes of its main memory, or what a container may take of it; None where nothing tells.
        own: bytes of one accelerator's memory; None without one, or where it does not tell.
        disk: bytes that are free where the runs go.
    """

    device: str
    memory: int | None
    own: int | None
    disk: int


def this_machine(output: Path) -> Machine:
    """Return what there is.

    Args:
        output: folder of the runs, which need not be there yet.
    """
    device = "cpu"
    if torch.accelerator.is_available():
        device = str(torch.accelerator.current_accelerator())
    own = torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None
    place = output.absolute()
    while not place.exists():
        place = place.parent
    return Machine(device, main_memory(), own, shutil.disk_usage(place).free)


def main_memory() -> int | None:
    """Return the bytes of main memory that a process here may take; None where the system does not tell."""
    found = []
    with suppress(AttributeError, OSError, ValueError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in _LIMITS:
        with suppress(OSError, ValueError):  # "max" is no limit
            found.append(int(limit.read_text(encoding="ascii")))
    return min((one for one in found if one > 0), default=None)


@torch.no_grad()
def matmul_rate(device: str, dtype: torch.dtype, seconds: float = 1.0, side: int | None = None) -> float:
    """Return the floating-point operations a second of the fastest of many products of square matrices.

    Args:
        device: where.
        dtype: of the numbers.
        seconds: to measure for, at least one product beside the first.
        side: rows and columns; None for 1,024, or 4,096 on an accelerator.
    """
    side = _SIDES.get(torch.device(device).type, _ON_A_GPU) if side is None else side
    left, right = (torch.ones(side, side, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(left)
    torch.matmul(left, right, out=out)  # the first one also chooses how
    fastest, end = float("inf"), perf_counter() + seconds
    while fastest == float("inf") or perf_counter() < end:
        fastest = min(fastest, time_of(lambda: torch.matmul(left, right, out=out), device))
    return 2 * side**3 / fastest
