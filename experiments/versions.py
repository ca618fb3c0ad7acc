"""With what, on what and from which commit a run was made."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

_PACKAGES = (
    "adalora",
    "torch",
    "transformers",
    "datasets",
    "accelerate",
    "tokenizers",
    "safetensors",
    "bitsandbytes",
    "torchmetrics",
    "numpy",
    "pillow",
)


def versions(seed: int) -> dict[str, Any]:
    """Return everything that one has to know to repeat a run: packages, machine, commit, seed, date."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": current_commit(),
        "seed": seed,
        "python": platform.python_version(),
        # torch's own word says for which device it was built, which its metadata may not.
        "packages": {name: _version(name) for name in _PACKAGES} | {"torch": str(torch.__version__)},
        "machine": {
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        },
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def current_commit() -> str | None:
    """Return the commit of the working directory, with a plus if files differ from it; None without git."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+" if _git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*words: str) -> str:
    command = ["git", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    return done.stdout.strip()
