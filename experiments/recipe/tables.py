"""The tables of ``docs/recipe.md``, made from the JSON and from nothing else."""

from collections.abc import Mapping
from typing import Any

from ..bench.grid import grid

Record = Mapping[str, Any]


def tables(record: Record) -> dict[str, str]:
    """Return every table by name.

    Args:
        record: what ``recipe.json`` holds.
    """
    return {
        "lengths": _lengths(record["lengths"]),
        "contenders": _contenders(record["contenders"]),
        "rates": _rates(record["contenders"]),
        "tests": _tests(record["tests"]),
        **({"ablations": _ablations(record)} if "ablations" in record else {}),
    }


def markdown(record: Record) -> str:
    """Return all tables as one page."""
    parts = ["# Recipe", f"{record['steps']} steps a run"]
    for name, table in tables(record).items():
        parts += [f"## {name}", table]
    return "\n\n".join(parts) + "\n"


def _lengths(found: list[Record]) -> str:
    head = ("start", "d1 × d2", "steps", "‖ΔW‖ predicted", "measured", "measured over LoRA's")
    lora = {(row["d1"], row["d2"], row["step"]): row["measured"] for row in found if row["start"] == "LoRA"}
    rows = [
        [
            row["start"],
            f"{row['d1']} × {row['d2']}",
            str(row["step"]),
            f"{row['predicted']:.3g}",
            f"{row['measured']:.3g}",
            f"{row['measured'] / lora[row['d1'], row['d2'], row['step']]:.2g}",
        ]
        for row in found
    ]
    return grid(head, rows)


def _contenders(found: list[Record]) -> str:
    head = ("task", "budget", "method", "learning rate", "test score, of 100", "weights trained at first")
    return grid(head, [_contender(row) for row in found])


def _contender(row: Record) -> list[str]:
    score = f"{100 * row['mean']:.1f} ± {100 * row['sd']:.1f}"
    return [row["task"], str(row["budget"]), row["method"], f"{row['rate']:g}", score, f"{row['trained']:,}"]


def _rates(found: list[Record]) -> str:
    rates = list(found[0]["validation"])
    rows = [
        [
            row["task"],
            str(row["budget"]),
            row["method"],
            *(f"{100 * row['validation'][rate]:.1f}" for rate in rates),
        ]
        for row in found
    ]
    return grid(("validation score at", "budget", "method", *rates), rows)


def _tests(found: list[Record]) -> str:
    rows = [
        [
            row["task"],
            str(row["budget"]),
            row["against"],
            f"{100 * row['difference']:+.1f}",
            f"{row['p']:.2g}",
        ]
        for row in found
    ]
    return grid(("task", "budget", "AdaLoRA against", "points", "p"), rows)


def _ablations(record: Record) -> str:
    (whole,) = (
        row
        for row in record["contenders"]
        if (row["task"], row["method"], row["budget"]) == ("rotten_tomatoes", "adalora", 8)
    )
    rows = [
        ["the recipe", *_outcome(whole)],
        *([row["changed"], *_outcome(row)] for row in record["ablations"]),
    ]
    return grid(("changed", "learning rate", "validation", "test accuracy"), rows)


def _outcome(row: Record) -> list[str]:
    best = max(row["validation"].values())
    return [f"{row['rate']:g}", f"{100 * best:.1f}", f"{100 * row['mean']:.1f} ± {100 * row['sd']:.1f}"]
