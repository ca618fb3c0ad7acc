"""``adalora recipe``: choose learning rates on validation rows, and compare on test rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy.stats import ttest_rel

from adalora.errors import ConfigError
from analysis import save_figure

from ..config import RunConfig
from ..files import write_json
from ..sweeps.pool import run_all
from ..sweeps.store import Store, key_of
from . import derivation
from .cells import ABLATED, ABLATIONS, CHOOSING_SEEDS, CONTENDERS, FORMS, GROUNDS, TRIALS, Contender, cell
from .config import RecipeConfig
from .pictures import pictures

RECORD, CELLS, LENGTHS = "recipe.json", "cells", "lengths.json"


def recipe(config: RecipeConfig) -> dict[str, Any]:
    """Train what is not there yet, and return all comparisons.

    Args:
        config: settings.

    Returns:
        What ``recipe.json`` holds: the lengths of steps, see `derivation`; for every task and contender the
        learning rates with their validation score, the chosen one, and test scores by seed; paired tests of
        AdaLoRA against the others; validation scores of what was tried, and of the forms that there was a
        choice of; and the ablations.

    Raises:
        ConfigError: a run has failed; the message says which and why. What has finished is kept. Or the
            folder holds a record of runs of another length.
    """
    _require_same_steps(config)
    store = Store(Path(config.output) / CELLS)
    lengths = _lengths(Path(config.output) / LENGTHS)
    rows = _compare(CONTENDERS, store, config, "methods")
    record = {
        "steps": config.steps,
        "lengths": lengths,
        "contenders": rows,
        "tests": list(_tests(rows)),
        "trials": _choose(TRIALS, store, config, "trials"),
        "forms": _choose(FORMS, store, config, "forms"),
    }
    compared = [*CONTENDERS]
    _write(record, store, config, compared)  # the ablations take hours
    record["ablations"] = _against_first(_compare((ABLATED, *ABLATIONS), store, config, "ablations"))
    return _write(record, store, config, [*compared, *ABLATIONS])


def _require_same_steps(config: RecipeConfig) -> None:
    there = Path(config.output) / RECORD
    steps = read(there.parent)["steps"] if there.exists() else config.steps
    if steps != config.steps:
        raise ConfigError(
            f"steps is {config.steps}, and {there} is of runs of {steps} steps; give another --output."
        )


def read(folder: Path) -> dict[str, Any]:
    """Return what ``recipe.json`` in a folder holds."""
    found: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return found


def _write(
    record: dict[str, Any], store: Store, config: RecipeConfig, compared: list[Contender]
) -> dict[str, Any]:
    """Write the record, with what its runs were made with, and its pictures; return it."""
    place = Path(config.output)
    record["made_with"] = _made_with(_runs(store, config.steps, compared))
    write_json(place / RECORD, record)
    for name, figure in pictures(record):
        save_figure(figure, place / f"{name}.png")
    return record


def _runs(store: Store, steps: int, compared: list[Contender]) -> list[dict[str, Any]]:
    """Return every result that the record is made of, once."""
    configs = [one for who in (*compared, *TRIALS, *FORMS) for one in choosing(who, steps)]
    configs += [one for who in compared for one in final(who, best_rate(who, store, steps), steps)]
    return [store.read(one) for one in {store.path(one): one for one in configs}.values()]


def _made_with(runs: list[dict[str, Any]]) -> dict[str, Any]:
    made = [run["versions"] for run in runs]
    return {
        "platform": sorted({one["machine"]["platform"] for one in made}),
        "cores": sorted({str(one["machine"]["cores"]) for one in made}),
        "torch": sorted({one["packages"]["torch"] for one in made}),
        "transformers": sorted({one["packages"]["transformers"] for one in made}),
        "commit": sorted({_short(one["commit"]) for one in made}),
        "runs": len(runs),
        "hours": sum(run["seconds"] for run in runs) / 3600,
    }


def _short(commit: str | None) -> str:
    """Return the beginning of a commit, and the plus of a working tree that differed from it."""
    return "unknown" if commit is None else commit[:7] + "+" * commit.endswith("+")


def _lengths(path: Path) -> list[dict[str, Any]]:
    """Measure how far steps move ΔW, unless it has been done with the same settings."""
    keys = [key_of(one) for one in derivation.settings()]
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if found.get("keys") != keys:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = {"keys": keys, "rows": derivation.measure()}
        write_json(path, found)
    rows: list[dict[str, Any]] = found["rows"]
    return rows


def _compare(
    contenders: Sequence[Contender], store: Store, config: RecipeConfig, label: str
) -> list[dict[str, Any]]:
    """Choose a learning rate for each, train all seeds with it, and return a row for each."""
    steps = config.steps
    _choose(contenders, store, config, label)
    rates = {who: best_rate(who, store, steps) for who in contenders}
    runs = [one for who, rate in rates.items() for one in final(who, rate, steps)]
    _train(runs, store, config, f"{label}, seeds")
    return [_row(who, rate, store, steps) for who, rate in rates.items()]


def _choose(
    contenders: Sequence[Contender], store: Store, config: RecipeConfig, label: str
) -> list[dict[str, Any]]:
    """Train what decides on the learning rates, and return the validation scores of each contender."""
    steps = config.steps
    _train([one for who in contenders for one in choosing(who, steps)], store, config, f"{label}, rates")
    return [{**_names(who), "validation": _by_rate(who, store, steps)} for who in contenders]


def choosing(contender: Contender, steps: int) -> list[RunConfig]:
    """Return the runs that decide on a learning rate."""
    return [cell(contender, rate, seed, steps=steps) for rate in contender.rates for seed in CHOOSING_SEEDS]


def final(contender: Contender, rate: float, steps: int) -> list[RunConfig]:
    """Return the runs that are compared: all seeds at one learning rate."""
    return [cell(contender, rate, seed, steps=steps) for seed in GROUNDS[contender.task].seeds]


def best_rate(contender: Contender, store: Store, steps: int) -> float:
    """Return the learning rate with the best mean validation score; of equal ones the smaller."""
    scores = validation_scores(contender, store, steps)
    return max(scores, key=lambda rate: (scores[rate], -rate))


def validation_scores(contender: Contender, store: Store, steps: int) -> dict[float, float]:
    """Return the mean validation score of every learning rate."""
    return {
        rate: mean(
            _score(store, cell(contender, rate, seed, steps=steps), "validation") for seed in CHOOSING_SEEDS
        )
        for rate in contender.rates
    }


def _by_rate(contender: Contender, store: Store, steps: int) -> dict[str, float]:
    return {f"{rate:g}": score for rate, score in validation_scores(contender, store, steps).items()}


def _names(contender: Contender) -> dict[str, Any]:
    return {
        "task": contender.task,
        "method": contender.method,
        "budget": contender.budget,
        "changed": contender.changed,
    }


def _train(configs: Iterable[RunConfig], store: Store, config: RecipeConfig, label: str) -> None:
    failed = run_all(list(configs), store, jobs=config.jobs, label=label)
    if failed:
        raise ConfigError(f"{len(failed)} runs have failed; first: {next(iter(failed.values()))}")


def _score(store: Store, config: RunConfig, part: str) -> float:
    found = store.read(config)
    return float(found["scores"][part][found["headline"]])


def _row(contender: Contender, rate: float, store: Store, steps: int) -> dict[str, Any]:
    configs = final(contender, rate, steps)
    scores = [_score(store, config, "test") for config in configs]
    results = [store.read(config) for config in configs]
    return {
        **_names(contender),
        "validation": _by_rate(contender, store, steps),
        "rate": rate,
        "test": scores,
        "mean": mean(scores),
        "sd": stdev(scores),
        "trained": results[0]["trained"],
        "seconds": mean(result["seconds"] for result in results),
    }


def _tests(rows: list[dict[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Compare AdaLoRA with every other method at its budget, seed by seed, two-sided."""
    for row in rows:
        for other in rows:
            same = (row["task"], row["budget"]) == (other["task"], other["budget"])
            if same and row["method"] == "adalora" != other["method"]:
                yield {
                    "task": row["task"],
                    "budget": row["budget"],
                    "changed": row["changed"],
                    "against": other["method"],
                    "against_changed": other["changed"],
                    "difference": row["mean"] - other["mean"],
                    "p": _p(row["test"], other["test"]),
                }


def _against_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Compare every row with the first one, seed by seed, two-sided."""
    first = rows[0]
    return [
        {**row, "difference": row["mean"] - first["mean"], "p": _p(row["test"], first["test"])}
        for row in rows
    ]


def _p(ours: list[float], theirs: list[float]) -> float:
    """Return the p of a paired t-test, which is not defined where no pair differs."""
    return 1.0 if ours == theirs else float(ttest_rel(ours, theirs).pvalue)
