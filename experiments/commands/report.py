"""``adalora report SWEEP``: tables and pictures of what a sweep has shown so far."""

import shlex
from pathlib import Path

from ..reports.run import report
from ..sweeps.entries import entries_of
from ..sweeps.plan import read_plan
from . import shipped, sweep, train
from .words import HELP, Form, Option

FOLDER = "report"

FORM = Form(
    "report",
    "Write the tables of a sweep, finished or half finished, with paired tests, pictures and what papers "
    "print for the same task and model: Markdown, LaTeX, CSV and a page. The layout stands under report in "
    "its file.",
    "SWEEP",
    f"a YAML file, or a shipped sweep: {', '.join(shipped.shipped_sweeps())}",
    (
        Option("output", "folder for the report; else report in the folder of the results", "DIR"),
        Option("results", "folder of the results, if adalora sweep was given another than the file's", "DIR"),
    ),
)


def run(words: list[str]) -> str:
    """Report as the words say, and return where the page is.

    Raises:
        AdaLoRAError: the input is wrong, nothing has finished, or the report cannot be written.
    """
    if set(HELP) & set(words):
        return FORM.help()
    (name,), given = FORM.read(words)
    plan = read_plan(shipped.find(name, "SWEEP", shipped.shipped_sweeps()))
    results = Path(given.get("results", [plan.output])[0])
    place = Path(given.get("output", [str(results / FOLDER)])[0])
    command = f"adalora sweep {shlex.quote(name)}"
    if "results" in given:
        command += f" --output {shlex.quote(str(results))}"
    entries = entries_of(plan, sweep.base_of(plan), train.reader())
    return f"report: {report(plan, entries, results, place, sweep=command)}"
