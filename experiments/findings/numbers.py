"""The numbers behind each finding, from the records of the runs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu, wilcoxon

import analysis
from analysis import AdapterRecord, PairNumbers

Records = Mapping[str, Sequence[AdapterRecord]]

QUERY, VALUE = "attention.self.query", "attention.self.value"
_SAMPLES = 2000


def read_records(folders: Mapping[str, Path]) -> dict[str, list[AdapterRecord]]:
    """Return the records of every run by name."""
    return {name: analysis.read(folder) for name, folder in folders.items()}


def top_direction(records: Records) -> list[dict[str, Any]]:
    """(a) Does the top direction of r = 8 lie in r = 64?

    For every type of matrix, side and kind: the mean over the layers of φ(1,1) and of φ(1,64), beside chance,
    and in how many layers each is above 99 % of chance.
    """
    found = _pairs(records["lora-r8"], records["lora-r64"])
    rows = []
    for (kind, side, of), pairs in _grouped(found).items():
        row: dict[str, Any] = {"type": kind, "side": side, "of": of, "layers": len(pairs)}
        for name, j in (("first", 0), ("all", -1)):
            values = [float(one.grid[0, j]) for one in pairs]
            levels = [one.chance for one in pairs if one.chance]
            limits = [float(level.quantiles[0.99][0, j]) for level in levels]
            row[name] = mean(values)
            row[f"{name}_chance"] = mean(float(level.mean[0, j]) for level in levels)
            row[f"{name}_above"] = sum(value > limit for value, limit in zip(values, limits, strict=True))
        rows.append(row)
    return rows


def seeds(records: Records) -> dict[str, Any]:
    """(b) Do two seeds share more directions for W_v than for W_q?

    φ(i,i) of the two runs of r = 64, and the share of cells above 99 % of chance, means over the layers; and
    Wilcoxon's signed-rank test over the layers of mean φ, W_v against W_q.
    """
    found = _grouped(_pairs(records["lora-r64"], records["lora-r64-again"]))
    rows = []
    for (kind, side, of), pairs in found.items():
        chances = [one.chance for one in pairs if one.chance]
        row: dict[str, Any] = {"type": kind, "side": side, "of": of, "layers": len(pairs)}
        for i in (1, 8, 64):
            row[f"phi_{i}"] = mean(float(one.grid[i - 1, i - 1]) for one in pairs)
            row[f"chance_{i}"] = mean(float(level.mean[i - 1, i - 1]) for level in chances)
        row["above"] = mean(
            float(level.above(one.grid).mean()) for one, level in zip(pairs, chances, strict=True)
        )
        rows.append(row)
    tests = []
    for side in ("right", "left"):
        for of in ("factor", "delta"):
            query, value = (
                [float(one.grid.mean()) for one in found[kind, side, of]] for kind in (QUERY, VALUE)
            )
            larger = sum(v > q for q, v in zip(query, value, strict=True))
            tests.append(
                {
                    "side": side,
                    "of": of,
                    "query": mean(query),
                    "value": mean(value),
                    "layers": len(query),
                    "value_larger": larger,
                    "p": float(wilcoxon(value, query, alternative="greater").pvalue),
                }
            )
    return {"rows": rows, "tests": tests}


def amplified(records: Records) -> dict[str, Any]:
    """(c) Is the amplification factor larger for smaller r?

    Medians over the layers for every type and run, each at the update's own rank and at its first direction;
    and in how many matrices the factor falls from r = 2 over r = 8 to r = 64.
    """
    names = ("lora-r2", "lora-r8", "lora-r64", "adalora")
    numbers = {name: [analysis.measure(one) for one in records[name]] for name in names}
    rows = []
    for kind in dict.fromkeys(one.type for one in records[names[0]]):
        row: dict[str, Any] = {"type": kind}
        for name in names:
            found = [
                one.against_base for one in numbers[name] if one.record.type == kind and one.against_base
            ]
            row[name] = {
                "factor": median(one.amplification.factor for one in found),
                "first": median(one.by_rank[0].factor for one in found),
                "by_delta": median(one.amplification.by_delta for one in found),
                "by_base": median(one.amplification.by_base for one in found),
                "by_random": median(one.amplification.by_random for one in found),
                "delta_norm": median(one.amplification.delta_norm for one in found),
                "base_norm": median(one.amplification.base_norm for one in found),
                "intruders": mean(one.intruders.count for one in found),
                "stable_rank": mean(
                    one.spectrum.stable_rank for one in numbers[name] if one.record.type == kind
                ),
            }
        rows.append(row)
    factors = [
        [one.against_base.amplification.factor if one.against_base else np.nan for one in numbers[name]]
        for name in names[:3]
    ]
    falls = sum(two > eight > many for two, eight, many in zip(*factors, strict=True))
    return {"rows": rows, "matrices": len(factors[0]), "falls": falls}


def ranks(records: Records) -> dict[str, Any]:
    """(d) Does AdaLoRA give more rank to feed-forward and to upper layers?

    Mean kept rank by type and by layer in both seeds, Mann-Whitney's test of feed-forward against attention
    and of the upper against the lower half, and how alike the two seeds are.
    """
    runs = [records["adalora"], records["adalora-again"]]
    layers = sorted({one.layer for one in runs[0] if one.layer is not None})
    half = len(layers) // 2
    groups: dict[str, Callable[[AdapterRecord], bool]] = {
        "feed-forward": lambda one: "attention" not in one.type,
        "attention": lambda one: "attention" in one.type,
        "upper half": lambda one: one.layer in layers[-half:],
        "lower half": lambda one: one.layer in layers[:half],
    }
    kept = {name: [one.rank for run in runs for one in run if fits(one)] for name, fits in groups.items()}
    tests = [
        {
            "more": more,
            "less": less,
            "mean_more": mean(kept[more]),
            "mean_less": mean(kept[less]),
            "p": float(mannwhitneyu(kept[more], kept[less], alternative="greater").pvalue),
        }
        for more, less in (("feed-forward", "attention"), ("upper half", "lower half"))
    ]
    alike = analysis.stability([{one.module: one.rank for one in run} for run in runs])
    return {
        "by_type": {
            kind: [mean(one.rank for one in run if one.type == kind) for run in runs]
            for kind in dict.fromkeys(one.type for one in runs[0])
        },
        "by_layer": {
            str(layer): [mean(one.rank for one in run if one.layer == layer) for run in runs]
            for layer in layers
        },
        "tests": tests,
        "l1": float(alike.l1[0, 1]),
        "tau": float(alike.tau[0, 1]),
        "triplets": sum(one.rank for one in runs[0]),
    }


def _pairs(first: Sequence[AdapterRecord], second: Sequence[AdapterRecord]) -> list[PairNumbers]:
    both = analysis.shared(first, second).pairs
    most = (max(one.rank for one, _ in both), max(one.rank for _, one in both))
    return [row for pair in both for row in analysis.compare(*pair, most=most, samples=_SAMPLES)]


def _grouped(pairs: Sequence[PairNumbers]) -> dict[tuple[str, str, str], list[PairNumbers]]:
    found: dict[tuple[str, str, str], list[PairNumbers]] = {}
    for one in pairs:
        found.setdefault((one.first.type, one.side, one.of), []).append(one)
    return found
