"""The tables of ``docs/findings.md``, made from the JSON and from nothing else."""

from collections.abc import Mapping
from typing import Any

from ..bench.grid import MEBI, grid
from .runs import RUNS

Record = Mapping[str, Any]


def tables(record: Record) -> dict[str, str]:
    """Return every table by name.

    Args:
        record: what ``findings.json`` holds.
    """
    return {
        "runs": _runs(record["runs"]),
        "top": _top(record["top_direction"]),
        "seeds": _seeds(record["seeds"]["rows"]),
        "seed_tests": _seed_tests(record["seeds"]["tests"]),
        "amplification": _amplification(record["amplified"]["rows"]),
        "falls": _falls(record["amplified"]),
        "table7": _table7(record["amplified"]["rows"]),
        "types": _means("matrix type", record["ranks"]["by_type"]),
        "layers": _means("layer", record["ranks"]["by_layer"]),
        "rank_tests": _rank_tests(record["ranks"]["tests"]),
        "speed": _speed(record["speed"]),
    }


def circumstances(record: Record) -> str:
    """Return in one sentence with what all numbers were made."""
    found = record["versions"]
    machine, packages = found["machine"], found["packages"]
    return (
        f"{machine['processor']}, {machine['cores']} cores; torch {packages['torch']}, transformers "
        f"{packages['transformers']}; {record['steps']} steps a run; commit {found['commit']}."
    )


def markdown(record: Record) -> str:
    """Return all tables as one page."""
    parts = ["# Findings", circumstances(record)]
    for name, table in tables(record).items():
        parts += [f"## {name}", table]
    return "\n\n".join(parts) + "\n"


def _runs(found: Record) -> str:
    rows = [
        [
            RUNS[name].label,
            str(RUNS[name].seed),
            str(run["steps"]),
            f"{run['trained']:,}",
            f"{100 * run['score']:.1f} %",
        ]
        for name, run in found.items()
    ]
    return grid(("run", "seed", "steps", "weights trained", "accuracy"), rows)


def _top(found: list[Record]) -> str:
    head = ("matrix", "side", "of", "φ(1,1)", "chance", "above 99 %", "φ(1,64)", "chance ", "above 99 % ")
    rows = []
    for row in found:
        cells = [row["type"], row["side"], row["of"]]
        for name in ("first", "all"):
            cells += [
                f"{row[name]:.2f}",
                f"{row[f'{name}_chance']:.3f}",
                f"{row[f'{name}_above']} of {row['layers']}",
            ]
        rows.append(cells)
    return grid(head, rows)


def _seeds(found: list[Record]) -> str:
    head = ("matrix", "side", "of", "φ(1,1)", "φ(8,8)", "φ(64,64)", "chance of it", "cells above chance")
    rows = [
        [
            row["type"],
            row["side"],
            row["of"],
            *(f"{row[f'phi_{i}']:.3f}" for i in (1, 8, 64)),
            f"{row['chance_64']:.3f}",
            f"{100 * row['above']:.0f} %",
        ]
        for row in found
    ]
    return grid(head, rows)


def _seed_tests(found: list[Record]) -> str:
    head = ("side", "of", "mean φ, W_q", "mean φ, W_v", "layers with W_v above", "p")
    rows = [
        [
            row["side"],
            row["of"],
            f"{row['query']:.3f}",
            f"{row['value']:.3f}",
            f"{row['value_larger']} of {row['layers']}",
            f"{row['p']:.2g}",
        ]
        for row in found
    ]
    return grid(head, rows)


_MEASURED = ("lora-r2", "lora-r8", "lora-r64", "adalora")


def _amplification(found: list[Record]) -> str:
    head = ("matrix", *(RUNS[name].label for name in _MEASURED), "first direction of r = 64")
    rows = [
        [
            row["type"],
            *(f"{row[name]['factor']:.2f}" for name in _MEASURED),
            f"{row['lora-r64']['first']:.2f}",
        ]
        for row in found
    ]
    return grid(head, rows)


def _falls(found: Record) -> str:
    row = ["amplification factor", str(found["matrices"]), str(found["falls"])]
    return grid(("", "matrices", "falls from r = 2 over r = 8 to r = 64"), [row])


def _table7(found: list[Record]) -> str:
    head = ("matrix", "run", "‖UᵀW0V‖, ΔW", "W0", "random", "‖W0‖", "‖ΔW‖", "stable rank", "intruders of 10")
    keys = ("by_delta", "by_base", "by_random", "base_norm", "delta_norm", "stable_rank", "intruders")
    rows = [
        [row["type"], RUNS[name].label, *(f"{row[name][key]:.2f}" for key in keys)]
        for row in found
        for name in _MEASURED
    ]
    return grid(head, rows)


def _means(name: str, found: Mapping[str, list[float]]) -> str:
    rows = [[label, *(f"{value:.1f}" for value in values)] for label, values in found.items()]
    return grid((name, *(RUNS[run].label for run in ("adalora", "adalora-again"))), rows)


def _rank_tests(found: list[Record]) -> str:
    rows = [
        [
            f"{row['more']} above {row['less']}",
            f"{row['mean_more']:.2f}",
            f"{row['mean_less']:.2f}",
            f"{row['p']:.2g}",
        ]
        for row in found
    ]
    return grid(("claim", "mean rank of the first", "of the second", "p"), rows)


def _speed(found: Record) -> str:
    cells, svd, large = found["grid"], found["svd"], found["large"]
    d = found["d"]
    rows = [
        [
            f"φ of 64 × 64 directions in {d} dimensions: each cell from its definition, over ours",
            f"{cells['ratio']:,.0f} ×",
            "≥ 100 ×",
        ],
        [
            f"SVD of an update of rank 16: of the dense {d} × {d} matrix, over ours",
            f"{svd['ratio']:,.0f} ×",
            "≥ 50 ×",
        ],
        [
            f"`adalora analyze` of {large['matrices']} matrices of a Llama-70B",
            f"{large['seconds']:.0f} s",
            "≤ 300 s",
        ],
        ["its peak memory", f"{large['peak'] / MEBI:,.0f} MiB", "≤ 2,048 MiB"],
    ]
    return grid(("", "measured", "asked"), rows)
