"""Sweeps whose results are made up, so that every number of a report is known."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.commands.sweep import base_of
from experiments.commands.train import reader
from experiments.reports.lines import lines_of
from experiments.reports.run import report
from experiments.sweeps.entries import entries_of
from experiments.sweeps.outcomes import outcomes
from experiments.sweeps.plan import Plan, read_plan
from experiments.sweeps.store import Store

BASE = {
    "task": "e2e",
    "model": "gpt2-medium",
    "method": "lora",
    "adapter": {"rank": 4, "target_modules": ["c_attn"]},
}
MACHINE = {"platform": "Linux", "cores": 2, "threads": 1, "device": "cpu"}


def result(score, *, metric="bleu", part="test", trained=350_000, **more):
    """Return what a run leaves behind; the validation score is the test score and a tenth."""
    scores = {"validation": {metric: score + 0.1}, part: {metric: score}}
    return {
        "headline": metric,
        "scores": scores,
        "losses": {"validation": 1 - score, part: 2 - score},
        "steps": 100,
        "seconds": 90.0,
        "trained": trained,
        "ranks": {},
        "log": [{"step": step, "loss": 2 - score - step / 100} for step in (10, 20)],
        "versions": {"commit": "0123456789", "packages": {"torch": "2"}, "machine": MACHINE},
        **more,
    }


@dataclass(frozen=True)
class Swept:
    """A sweep with a folder of made-up results."""

    file: Path
    plan: Plan
    entries: list[Any]
    store: Store

    def fill(self, make):
        """Write what ``make`` returns for the settings of each run: a result, why it failed, or None."""
        for run in dict.fromkeys(run.name for entry in self.entries for run in entry.configs()):
            (config,) = {
                repr(one): one for e in self.entries for one in e.configs() if one.name == run
            }.values()
            made = make(config)
            if isinstance(made, str):
                self.store.write_failure(config, made, "")
            elif made is not None:
                self.store.write(config, made)
        return self

    def lines(self):
        chosen = self.plan.choice.setting if self.plan.choice else ""
        return lines_of(outcomes(self.entries, self.store), chosen)

    def report(self):
        """Write the report, and return its folder."""
        place = self.store.folder / "report"
        report(self.plan, self.entries, self.store.folder, place, sweep="adalora sweep swept")
        return place

    def text(self):
        return (self.report() / "report.md").read_text(encoding="utf-8")


@pytest.fixture
def sweep(tmp_path):
    """Return a maker of sweeps: what stands in the file, its base left at `BASE`."""

    def make(**content):
        file = tmp_path / "swept.yaml"
        whole = {"base": BASE, "output": str(tmp_path / "out"), **content}
        file.write_text(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True), encoding="utf-8")
        plan = read_plan(file)
        return Swept(file, plan, entries_of(plan, base_of(plan), reader()), Store(tmp_path / "out"))

    return make


@pytest.fixture(scope="session")
def tables():
    """Return a function that reads the tables of a Markdown text as rows of cells."""

    def read(text):
        found, before = [], ""
        for line in text.splitlines():
            if line.startswith("|"):
                cells = [cell.strip() for cell in line.strip("|").split(" | ")]
                if before.startswith("|"):
                    if not set(line) <= set("|-: "):
                        found[-1].append(cells)
                else:
                    found.append([cells])
            before = line
        return found

    return read
