"""What the CPU is called."""

import platform
from pathlib import Path

_LINUX = Path("/proc/cpuinfo")


def processor() -> str:
    """Return the name of the CPU, as far as the system tells it."""
    if _LINUX.exists():
        names = [line for line in _LINUX.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0].partition(":")[2].strip()
    return platform.processor() or platform.machine()
