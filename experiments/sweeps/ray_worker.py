"""A run of a sweep in a process of Ray's, on whatever node."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import RunConfig
from .engine import Failure, failure_of
from .resources import Resources
from .worker import set_up, silent

RunCell = Callable[[RunConfig, str | None], dict[str, Any]]


@dataclass(frozen=True)
class Work:
    """How a run is to be trained.

    Attributes:
        run: trains it and returns its result.
        commit: of the code that runs.
        resources: what the run is given.
        folder: working directory of who sweeps, which relative paths in settings start from.
    """

    run: RunCell
    commit: str | None
    resources: Resources
    folder: str


def work(config: RunConfig, what: Work) -> dict[str, Any] | Failure:
    """Train a run and return its result, or why it has failed."""
    try:
        if not what.resources.gpus:
            # Ray leaves all GPUs in sight of a run that has asked for none.
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        if Path(what.folder).is_dir():
            os.chdir(what.folder)
        set_up(max(1, int(what.resources.cpus)))
        with silent():
            return what.run(config, what.commit)
    except Exception as error:  # in words, for not every error can be sent
        return failure_of(error)
