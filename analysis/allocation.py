"""Where the rank went, when, and whether it goes there again with another seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from scipy.stats import kendalltau

from adalora import Allocation, ConfigError
from adalora.locate import locate

from .arrays import Array


@dataclass(frozen=True)
class Course:
    """Ranks over a run.

    Attributes:
        steps: of the state before training and of every budget update, t of them.
        by_type: kept rank of each matrix type, summed, shape (t,).
        by_layer: kept rank of each layer, summed; None is outside the layers.
        total: triplets alive, shape (t,).
        parameters: numbers in the living triplets, r · (d₁ + d₂ + 1) summed; empty where no sizes were given.
        thresholds: lowest score kept; NaN where nothing was chosen.
    """

    steps: list[int]
    by_type: dict[str, Array]
    by_layer: dict[int | None, Array]
    total: Array
    parameters: Array
    thresholds: Array


def course(history: Sequence[Allocation], shapes: Mapping[str, tuple[int, ...]] | None = None) -> Course:
    """Sum up the history of a controller.

    Args:
        history: ``AdaLoRAController.history``.
        shapes: (d₁, d₂) of each module, for the budget in parameters.

    Raises:
        ConfigError: ``history`` is empty.
    """
    if not history:
        raise ConfigError("history is empty; allowed: the history of a controller, which begins with step 0.")
    modules = list(history[0].ranks)
    ranks = np.array([[row.ranks[module] for module in modules] for row in history], dtype=np.float64)
    places = locate(modules)
    types = [places[module].type for module in modules]
    layers = [places[module].layer for module in modules]
    sizes = np.array([sum(shapes[module][-2:]) + 1 for module in modules]) if shapes else None
    return Course(
        steps=[row.step for row in history],
        by_type={kind: _columns(ranks, types, kind) for kind in dict.fromkeys(types)},
        by_layer={layer: _columns(ranks, layers, layer) for layer in dict.fromkeys(layers)},
        total=ranks.sum(1),
        parameters=ranks @ sizes if sizes is not None else np.zeros(0),
        thresholds=np.array([np.nan if row.threshold is None else row.threshold for row in history]),
    )


def _columns(ranks: Array, labels: Sequence[object], wanted: object) -> Array:
    return np.asarray(ranks[:, [label == wanted for label in labels]].sum(1))


@dataclass(frozen=True)
class Stability:
    """How alike the allocations of several runs are, over the modules that all of them have.

    Attributes:
        modules: these modules, m of them.
        l1: Σ |rank − rank| over the modules, for every pair of runs, shape (n, n).
        tau: Kendall's τ of the ranks, for every pair; NaN where a run has all ranks equal.
        mean: of each module over the runs, shape (m,).
        sd: sample standard deviation of each module over the runs, shape (m,).
    """

    modules: tuple[str, ...]
    l1: Array
    tau: Array
    mean: Array
    sd: Array


def stability(runs: Sequence[Mapping[str, int]]) -> Stability:
    """Compare the ranks of several runs, such as seeds.

    Args:
        runs: rank by module name, for each run.

    Raises:
        ConfigError: fewer than two runs, or they have no module in common.
    """
    if len(runs) < 2:
        raise ConfigError(f"runs has {len(runs)} entries; allowed: at least two runs to compare.")
    modules = tuple(module for module in runs[0] if all(module in run for run in runs))
    if not modules:
        raise ConfigError("the runs have no module in common; allowed: runs of one model and its modules.")
    ranks = np.array([[run[module] for module in modules] for run in runs], dtype=np.float64)
    l1 = np.abs(ranks[:, None] - ranks[None]).sum(2)
    tau = np.eye(len(runs))
    for a, b in combinations(range(len(runs)), 2):
        tau[a, b] = tau[b, a] = _tau(ranks[a], ranks[b])
    return Stability(modules, l1, tau, ranks.mean(0), ranks.std(0, ddof=1))


def _tau(first: Array, second: Array) -> float:
    if len(set(first)) < 2 or len(set(second)) < 2:  # an order of equals: SciPy warns, and returns NaN
        return float("nan")
    return float(kendalltau(first, second).statistic)


@dataclass(frozen=True)
class TripletRow:
    """What one budget update saw and did.

    Attributes:
        step: optimizer step.
        scores: S of every triplet, by module.
        alive: whether it was kept, by module.
    """

    step: int
    scores: dict[str, Array]
    alive: dict[str, Array]


def returned(rows: Sequence[TripletRow]) -> dict[str, int]:
    """Count how often a triplet of each module that had been pruned came back to life.

    Once tensors have shrunk, what was removed can no longer return, and is not counted any more.

    Args:
        rows: in the order of their steps.
    """
    counts: dict[str, int] = {}
    for module in rows[0].alive if rows else ():
        came_back = 0
        for before, after in pairwise(rows):
            was, now = before.alive[module], after.alive[module]
            if len(was) == len(now):
                came_back += int((~was.astype(bool) & now.astype(bool)).sum())
        counts[module] = came_back
    return counts
