"""Runs of a sweep on the nodes of a Ray cluster."""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..config import RunConfig
from .cell import run_cell
from .engine import Failure, Trained, failure_of, run_each
from .ray_cluster import cluster, require_room
from .ray_worker import RunCell, Work, work
from .resources import Resources
from .store import FolderError, Store

TRIES = 3  # of a run whose node or process dies under it
LOOK = 10  # seconds without a result after which the nodes are looked at again

# By the name of Ray's error; what is none of them is told in Ray's words.
_DEATHS = {
    "OutOfMemoryError": "its node ran out of memory, so Ray killed it; ask for more under resources: memory, "
    "or give fewer --jobs",
    "NodeDiedError": "its node died",
    "LocalRayletDiedError": "its node died",
    "WorkerCrashedError": "its process died: killed, most likely for want of memory, or crashed",
}


@dataclass(frozen=True)
class _Try:
    config: RunConfig
    count: int


@dataclass(frozen=True)
class _Lost:
    reason: str
    told: str


def run_all(
    configs: Sequence[RunConfig],
    store: Store,
    *,
    jobs: int | None,
    resources: Resources,
    address: str | None,
    label: str,
    run: RunCell = run_cell,
) -> dict[Path, str]:
    """Train every run whose result is not there yet, on the nodes of a Ray cluster; see `run_each`.

    Results come back to this process, the only one that writes them. A run whose node or process dies is
    begun again, where there is room, and fails at the third time.

    Args:
        configs: the runs; one that stands there twice is trained once.
        store: where the results go.
        jobs: runs at once; None as many as there is room for.
        resources: what each of them is given.
        address: of the cluster; None starts one on this machine, and ends it afterwards.
        label: what stands before the progress bar.
        run: trains a run and returns its result; a function that every node can import.

    Returns:
        What went wrong, with the name of the run, by the file that its result would have gone to.

    Raises:
        ConfigError: there is no such cluster, or no node of it is large enough for a run.
        FolderError: the folder cannot be written to, or the disk is full.
    """
    train = partial(_trained, jobs=jobs, resources=resources, address=address, run=run)
    return run_each(configs, store, train, label=label)


def _trained(
    configs: Sequence[RunConfig],
    store: Store,
    commit: str | None,
    *,
    jobs: int | None,
    resources: Resources,
    address: str | None,
    run: RunCell,
) -> Trained:
    with cluster(address) as ray:
        require_room(ray, resources)
        begin = _starter(ray, Work(run, commit, resources, str(Path.cwd())))
        waiting = deque(_Try(config, 1) for config in configs)
        running: dict[Any, _Try] = {}
        while waiting or running:
            while waiting and len(running) < (jobs or len(configs)):
                one = waiting.popleft()
                running[begin(one.config)] = one
            done, _ = ray.wait(list(running), timeout=LOOK)
            if not done:
                require_room(ray, resources)  # what is left of a cluster may be too small
            for reference in done:
                one = running.pop(reference)
                found = _found(ray, reference)
                if isinstance(found, _Lost) and one.count < TRIES:
                    tqdm.write(f"{one.config.name} is begun again: {found.reason}", file=sys.stderr)
                    waiting.appendleft(_Try(one.config, one.count + 1))
                else:
                    yield one.config, _kept(one.config, found, store)


def _starter(ray: Any, what: Work) -> Callable[[RunConfig], Any]:
    """Return what hands a run to the cluster."""
    asked = what.resources
    # Tried again by us and not by Ray, which begins without end what is killed for want of memory.
    remote = ray.remote(
        num_cpus=asked.cpus, num_gpus=asked.gpus, memory=int(asked.memory) or None, max_retries=0
    )(work)
    how = ray.put(what)
    return lambda config: remote.remote(config, how)


def _found(ray: Any, reference: Any) -> dict[str, Any] | Failure | _Lost:
    """Return what has come of a run: its result, why it has failed, or how it was lost."""
    try:
        found: dict[str, Any] | Failure = ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # what a run raises comes as words: it was never begun
        failure = failure_of(error)
        return Failure(f"a node could not begin it: {failure.reason}", failure.traceback)
    except ray.exceptions.RayError as error:
        name = type(error).__name__
        return _Lost(_DEATHS.get(name, " ".join(f"{name}: {error}".split())), str(error))
    return found


def _kept(config: RunConfig, found: dict[str, Any] | Failure | _Lost, store: Store) -> Failure | None:
    """Write a result; return why there is none."""
    if isinstance(found, Failure):
        return found
    if isinstance(found, _Lost):
        return Failure(f"lost {TRIES} times, at last because {found.reason}", found.told)
    try:
        store.write(config, found)
    except FolderError:
        raise
    except Exception as error:  # a result that is no JSON is the fault of its run alone
        return failure_of(error)
    return None
