"""The tables of ``docs/recipe.md``, made from the JSON and from nothing else."""

from collections.abc import Mapping
from typing import Any

from adalora import AdapterConfig, AllocationConfig
from adalora.config import Recipe

from ..bench.grid import grid

Record = Mapping[str, Any]

_NAMES = {"adalora": "AdaLoRA", "lora": "LoRA", "rslora": "rsLoRA", "dora": "DoRA"}


def tables(record: Record) -> dict[str, str]:
    """Return every table by name.

    Args:
        record: what ``recipe.json`` holds.
    """
    return {
        "settings": _settings(),
        "lengths": _lengths(record["lengths"]),
        "contenders": _contenders(record["contenders"]),
        "rates": _rates(record["contenders"]),
        "tests": _tests(record["tests"]),
        "trials": _trials(record["trials"]),
        "forms": _forms(record["forms"]),
        **({"ablations": _ablations(record["ablations"])} if "ablations" in record else {}),
    }


def circumstances(record: Record) -> str:
    """Return in one sentence with what all numbers were made."""
    found = record["made_with"]
    platform, cores, torch, transformers, commit = (
        ", ".join(found[name]) for name in ("platform", "cores", "torch", "transformers", "commit")
    )
    return (
        f"{platform}, {cores} cores; torch {torch}, transformers {transformers}; {record['steps']} steps a "
        f"run, half as many where texts are written; {found['runs']} runs, {found['hours']:.1f} hours of "
        f"training; commits {commit}."
    )


def markdown(record: Record) -> str:
    """Return all tables as one page."""
    parts = ["# Recipe", circumstances(record)]
    for name, table in tables(record).items():
        parts += [f"## {name}", table]
    return "\n\n".join(parts) + "\n"


def _settings() -> str:
    """Compare the defaults with the paper's, as the configurations have them."""
    names: Mapping[Recipe, str] = {"default": "the recipe", "paper": 'recipe="paper"'}
    columns = [_values(AdapterConfig(recipe=one), AllocationConfig(recipe=one)) for one in names]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return grid(("left out", *names.values()), rows)


def _values(adapter: AdapterConfig, allocation: AllocationConfig) -> dict[str, str]:
    every = "T/40" if allocation.interval is None else str(allocation.interval)
    return {
        "`init`": adapter.init,
        f"`alpha` at rank {adapter.rank}": f"{adapter.alpha:g}",
        "`orthogonality`, γ": f"{allocation.orthogonality:g}",
        "`warmup_steps`": f"{allocation.warmup_steps:g}",
        "`final_steps`": f"{allocation.final_steps:g}",
        "`interval`": every,
    }


def _lengths(found: list[Record]) -> str:
    head = ("start", "d1 × d2", "steps", "‖ΔW‖ predicted", "measured", "of LoRA's")
    lora = {(row["d1"], row["d2"], row["step"]): row["measured"] for row in found if row["start"] == "LoRA"}
    rows = [
        [
            row["start"],
            f"{row['d1']} × {row['d2']}",
            str(row["step"]),
            _between(row["least"], row["most"]),
            f"{row['measured']:.3g}",
            f"{row['measured'] / lora[row['d1'], row['d2'], row['step']]:.2g}",
        ]
        for row in found
    ]
    return grid(head, rows)


def _between(least: float, most: float) -> str:
    return f"{least:.3g}" if least == most else f"{least:.3g} to {most:.3g}"


def _contenders(found: list[Record]) -> str:
    head = ("task", "budget", "method", "learning rate", "test score, of 100", "weights at first", "seconds")
    return grid(head, [_contender(row) for row in found])


def _contender(row: Record) -> list[str]:
    return [
        row["task"],
        str(row["budget"]),
        label_of(row),
        f"{row['rate']:g}",
        _spread(row),
        f"{row['trained']:,}",
        f"{row['seconds']:.0f}",
    ]


def label_of(row: Record) -> str:
    """Return a contender's method, and what is changed in it."""
    return _label(row["method"], row["changed"])


def _label(method: str, changed: str) -> str:
    return f"{_NAMES[method]}, {changed}" if changed else _NAMES[method]


def _spread(row: Record) -> str:
    return f"{100 * row['mean']:.1f} ± {100 * row['sd']:.1f}"


def _rates(found: list[Record]) -> str:
    rates = sorted({rate for row in found for rate in row["validation"]}, key=float)
    rows = [
        [
            row["task"],
            str(row["budget"]),
            label_of(row),
            *(_of_100(row["validation"].get(rate)) for rate in rates),
        ]
        for row in found
    ]
    return grid(("validation score at", "budget", "method", *rates), rows)


def _of_100(score: float | None) -> str:
    return "" if score is None else f"{100 * score:.1f}"


def _tests(found: list[Record]) -> str:
    rows = [
        [
            row["task"],
            str(row["budget"]),
            _label("adalora", row["changed"]),
            _label(row["against"], row["against_changed"]),
            f"{100 * row['difference']:+.1f}",
            f"{row['p']:.2g}",
        ]
        for row in found
    ]
    return grid(("task", "budget", "method", "against", "points", "p"), rows)


def _trials(found: list[Record]) -> str:
    rates = list(found[0]["validation"])
    rows = [[row["changed"], *(_of_100(row["validation"][rate]) for rate in rates)] for row in found]
    return grid(("changed, and validation accuracy at", *rates), rows)


def _forms(found: list[Record]) -> str:
    grounds = list(dict.fromkeys((row["task"], row["budget"]) for row in found))
    best = {(row["changed"], row["task"], row["budget"]): max(row["validation"].values()) for row in found}
    rows = [
        [form, *(f"{100 * best[form, *ground]:.1f}" for ground in grounds)]
        for form in dict.fromkeys(row["changed"] for row in found)
    ]
    return grid(("validation accuracy", *(f"{task}, {budget}" for task, budget in grounds)), rows)


def _ablations(found: list[Record]) -> str:
    rows = [
        [
            row["changed"] or "nothing: the recipe",
            f"{row['rate']:g}",
            _of_100(max(row["validation"].values())),
            _spread(row),
            f"{100 * row['difference']:+.1f}" if row["changed"] else "",
            f"{row['p']:.2g}" if row["changed"] else "",
        ]
        for row in found
    ]
    return grid(("changed", "learning rate", "validation", "test accuracy", "points", "p"), rows)
