"""A sweep's outcomes for the terminal."""

from collections.abc import Sequence

from ..results import in_columns, shown
from .outcomes import Outcome, mean_and_sd


def table(found: Sequence[Outcome]) -> str:
    """Return a line for each entry: what was chosen, the headline metric on the test rows, and failures."""
    metrics = list(dict.fromkeys(one.headline for one in found if one.headline))
    chosen = any(one.entry.trials for one in found)
    head = ["", *(["chosen"] if chosen else []), *metrics, "runs", "seconds"]
    rows = [head, *(_row(one, metrics, chosen) for one in found)]
    lines = in_columns(rows).splitlines()
    lines[1:] = [line + _why(one) for line, one in zip(lines[1:], found, strict=True)]
    failures = sum(len(one.failures) for one in found)
    if failures:
        runs = "1 run has" if failures == 1 else f"{failures} runs have"
        lines += ["", f"{runs} failed; --retry tries again."]
    return "\n".join(lines)


def _row(one: Outcome, metrics: Sequence[str], chosen: bool) -> list[str]:
    picked = ["-" if one.chosen is None else f"{one.chosen:g}"] if chosen else []
    seconds = f"{one.mean('seconds'):.0f}" if one.results else "-"
    wanted = len(next(iter(one.entry.finals.values())))
    runs = str(wanted) if len(one.results) == wanted else f"{len(one.results)} of {wanted}"
    return [one.entry.name, *picked, *(_score(one, metric) for metric in metrics), runs, seconds]


def _score(one: Outcome, metric: str) -> str:
    scores = list(one.scores(metric, one.part).values()) if one.headline == metric else []
    if not scores:
        return "-"
    mean, sd = mean_and_sd(scores)
    return shown(metric, mean) if sd is None else f"{shown(metric, mean)} ± {shown(metric, sd)}"


def _why(one: Outcome) -> str:
    return f"   failed: {one.failures[0]}" if one.failures else ""
