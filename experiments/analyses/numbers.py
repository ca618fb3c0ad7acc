"""The numbers of an analysis: computed with a progress bar, and as plain data for ``analysis.json``."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from tqdm import tqdm

import analysis
from adalora import ConfigError
from analysis import MatrixNumbers, PairNumbers, Shared, Stability

from .config import AnalysisConfig
from .runs import Run


@dataclass(frozen=True)
class RunNumbers:
    """What was measured of one run."""

    run: Run
    matrices: list[MatrixNumbers]

    @property
    def missing(self) -> dict[str, int]:
        """Why something that needs the pretrained weights is not there, and for how many matrices."""
        reasons = [one.missing for one in self.matrices if one.missing]
        return {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common."""

    first: Run
    second: Run
    shared: Shared
    pairs: list[PairNumbers]


def measure_runs(runs: Sequence[Run], config: AnalysisConfig) -> list[RunNumbers]:
    """Measure every matrix of every run, one at a time."""
    found = []
    for run in runs:
        with tqdm(run.records, desc=f"measuring {run.label}", unit="matrix", leave=False) as bar:
            rows = [analysis.measure(one, seed=config.seed, weights=config.weights) for one in bar]
        found.append(RunNumbers(run, rows))
    return found


def compare_runs(runs: Sequence[Run], config: AnalysisConfig) -> list[Comparison]:
    """Compare every two runs in every matrix that both have.

    Raises:
        ConfigError: fewer than two runs, or two that have no matrix of one size in common.
    """
    if len(runs) < 2:
        raise ConfigError(f"{len(runs)} run is named; allowed: at least two to compare.")
    found = []
    for first, second in combinations(runs, 2):
        both = analysis.shared(first.records, second.records)
        if not both.pairs:
            raise ConfigError(
                f"{first.label} and {second.label} have no matrix in common; allowed: runs on one base "
                f"model; first modules: {first.records[0].module}, {second.records[0].module}."
            )
        most = (max(one.rank for one, _ in both.pairs), max(one.rank for _, one in both.pairs))
        label = f"comparing {first.label}, {second.label}"
        with tqdm(both.pairs, desc=label, unit="matrix", leave=False) as bar:
            rows = [row for pair in bar for row in _compare(pair, most, config)]
        found.append(Comparison(first, second, both, rows))
    return found


def _compare(pair: tuple[Any, Any], most: tuple[int, int], config: AnalysisConfig) -> list[PairNumbers]:
    ranks = (max(1, most[0]), max(1, most[1]))
    return list(analysis.compare(*pair, most=ranks, samples=config.samples, seed=config.seed))


def stability_of(runs: Sequence[Run]) -> tuple[list[Run], Stability] | None:
    """Return how alike the ranks of the adaptive runs are; None where there are not two of them."""
    adaptive = [run for run in runs if run.history]
    if len(adaptive) < 2:
        return None
    ranks = [{one.module: one.rank for one in run.records} for run in adaptive]
    return adaptive, analysis.stability(ranks)


# As plain data


def plain_run(numbers: RunNumbers) -> dict[str, Any]:
    """Return a run as ``analysis.json`` holds it."""
    return {
        "label": numbers.run.label,
        "folder": str(numbers.run.folder),
        "matrices": [plain_matrix(one) for one in numbers.matrices],
        "allocation": _plain_allocation(numbers.run),
        "missing": numbers.missing,
    }


def plain_matrix(one: MatrixNumbers) -> dict[str, Any]:
    """Return a matrix as ``analysis.json`` holds it."""
    record, values = one.record, one.spectrum
    return {
        "module": record.module,
        "layer": record.layer,
        "type": record.type,
        "shape": list(record.shape),
        "update": record.update,
        "dora": record.dora,
        "rank": record.rank,
        "numerical_rank": len(values.sigma),
        "norm": values.norm,
        "stable_rank": values.stable_rank,
        "effective_rank": values.effective_rank,
        "sigma": values.sigma.tolist(),
        "energy": values.energy.tolist(),
        "triplets": vars(one.triplets) if one.triplets else None,
        "base": _plain_base(one),
        "missing": one.missing,
    }


def _plain_base(one: MatrixNumbers) -> dict[str, Any] | None:
    found = one.against_base
    if found is None:
        return None
    return {
        **vars(found.amplification),
        "factor": found.amplification.factor,
        "factor_by_rank": [row.factor for row in found.by_rank],
        "intruders": found.intruders.count,
        "intruder_threshold": found.intruders.threshold,
        "closest": found.intruders.closest.tolist(),
    }


def _plain_allocation(run: Run) -> dict[str, Any] | None:
    if not run.history:
        return None
    shapes = {one.module: one.shape for one in run.records}
    whole = shapes if set(run.history[0].ranks) <= set(shapes) else None
    course = analysis.course(run.history, whole)
    return {
        "steps": course.steps,
        "triplets": course.total.tolist(),
        "parameters": course.parameters.tolist(),
        "thresholds": course.thresholds.tolist(),
        "by_type": {kind: values.tolist() for kind, values in course.by_type.items()},
        "by_layer": {str(layer): values.tolist() for layer, values in course.by_layer.items()},
        "returned": analysis.returned(run.triplets),
    }


def plain_comparison(found: Comparison) -> dict[str, Any]:
    """Return a comparison as ``analysis.json`` holds it."""
    return {
        "first": found.first.label,
        "second": found.second.label,
        "only_first": found.shared.only_first,
        "only_second": found.shared.only_second,
        "other_shape": found.shared.other_shape,
        "matrices": [plain_pair(one) for one in found.pairs],
    }


def plain_pair(one: PairNumbers) -> dict[str, Any]:
    """Return a matrix of a comparison as ``analysis.json`` holds it."""
    size = min(one.grid.shape)
    row: dict[str, Any] = {
        "module": one.first.module,
        "layer": one.first.layer,
        "type": one.first.type,
        "side": one.side,
        "of": one.of,
        "ranks": list(one.grid.shape),
        "diagonal": np.diagonal(one.grid).tolist(),
    }
    if one.chance is not None:
        row |= {
            "chance": np.diagonal(one.chance.mean)[:size].tolist(),
            "chance_99": np.diagonal(one.chance.quantiles[0.99])[:size].tolist(),
            "above": _share(one.chance.above(one.grid)),
        }
    if one.distance is not None:
        row |= {"grassmann": one.distance.grassmann, "projection": one.distance.projection}
    return row


def _share(cells: Any) -> float:
    """Return the share of 1 among the cells that have a φ."""
    there = cells[~np.isnan(cells)]
    return float(there.mean()) if there.size else float("nan")


def plain_stability(runs: Sequence[Run], found: Stability) -> dict[str, Any]:
    """Return the stability of several runs as ``analysis.json`` holds it."""
    return {
        "runs": [run.label for run in runs],
        "modules": list(found.modules),
        "l1": found.l1.tolist(),
        "tau": found.tau.tolist(),
        "mean": found.mean.tolist(),
        "sd": found.sd.tolist(),
    }
