"""``adalora sweep SWEEP``: many runs from lists of settings, each trained once."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from adalora.errors import ConfigError

from ..checks import require
from ..mappings import read_mapping
from ..reports.layout import read_layout
from ..sweeps.engines import ENGINES, Wanted, engine_of
from ..sweeps.entries import entries_of
from ..sweeps.plan import Plan, read_plan
from ..sweeps.run import sweep
from ..sweeps.runs import require_metrics
from . import shipped, train
from .words import HELP, Form, Option

MOST = 10_000

FORM = Form(
    "sweep",
    "Train every combination of the settings that a YAML file lists, each once: a sweep that is stopped goes "
    "on where it was. Results are files of one run each; a run that has failed leaves its reason.",
    "SWEEP",
    f"a YAML file, or a shipped sweep: {', '.join(shipped.shipped_sweeps())}",
    (
        Option("output", "folder for the results; else the file's, or runs/sweeps/NAME", "DIR"),
        Option("jobs", "runs at once; else 1, which share the cores, or with ray as many as have room", "N"),
        Option("yes", f"have more than {MOST:,} runs"),
        Option("retry", "try those again that have failed"),
        Option(
            "engine", "processes of this machine, or the nodes of a Ray cluster; local", "|".join(ENGINES)
        ),
        Option("address", "with ray: of a cluster to join, or auto; else one is started here", "HOST:PORT"),
    ),
)


def run(words: list[str]) -> str:
    """Sweep as the words say, and return the table to print.

    Raises:
        AdaLoRAError: the input is wrong, or the results cannot be written.
    """
    if set(HELP) & set(words):
        return FORM.help()
    (name,), given = FORM.read(words)
    plan = read_plan(shipped.find(name, "SWEEP", shipped.shipped_sweeps()))
    engine = engine_of(
        _one(given, "engine") or "local", Wanted(_jobs(given), plan.resources, _one(given, "address"))
    )
    if plan.count() > MOST and "yes" not in given:
        raise ConfigError(f"{name} makes {plan.count():,} runs, more than {MOST:,}; give --yes to have them.")
    output = given.get("output", [plan.output])[0]
    layout = read_layout(plan.report)
    entries = entries_of(plan, base_of(plan), train.reader())
    require_metrics(layout.metrics, [config for entry in entries for config in entry.configs()])
    told = sweep(entries, Path(output), engine=engine, retry="retry" in given, label=plan.name)
    elsewhere = f" --results {shlex.quote(output)}" if output != plan.output else ""
    return f"\n{told}\n\nin {output}\ntables: adalora report {shlex.quote(name)}{elsewhere}"


def _jobs(given: Mapping[str, list[str]]) -> int | None:
    jobs = _one(given, "jobs")
    if jobs is None:
        return None
    require(jobs.isdecimal() and int(jobs) >= 1, "jobs", jobs, "a whole number of at least 1")
    return int(jobs)


def _one(given: Mapping[str, list[str]], name: str) -> str | None:
    """Return the value of an option; None where it is not given."""
    return given[name][0] if name in given else None


def base_of(plan: Plan) -> dict[str, object]:
    """Return the settings that all runs share."""
    return dict(read_mapping(shipped.find(plan.base, "base")) if isinstance(plan.base, str) else plan.base)
