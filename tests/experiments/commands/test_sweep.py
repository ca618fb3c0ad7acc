"""``adalora sweep``: its words, and what it says."""

import re

import pytest
import yaml

from experiments.commands import shipped
from experiments.commands import sweep as command
from experiments.commands.train import reader
from experiments.mappings import flatten
from experiments.methods import METHODS
from experiments.reports.blocks import plan_of
from experiments.reports.layout import read_layout
from experiments.reports.lines import lines_of
from experiments.sweeps.entries import Entry, entries_of
from experiments.sweeps.outcomes import outcomes
from experiments.sweeps.plan import read_plan
from experiments.sweeps.store import Store
from tests.experiments import tiny
from tests.experiments.tiny_families import MODELS


@pytest.fixture
def file(bert, tmp_path):
    """Return a maker of sweeps of tiny runs over one grid."""

    def write(**grid):
        data = tiny.write_opinions(tmp_path / "opinions")
        base = {
            "task": "hub:opinions",
            "model": str(bert),
            "adapter": {"rank": 4, "target_modules": ["query"], "train_modules": ["classifier"]},
            "training": {"max_steps": 2, "batch_size": 4},
            "data": {"path": str(data), "max_length": 16},
        }
        path = tmp_path / "swept.yaml"
        path.write_text(yaml.safe_dump({"base": base, "grid": grid}, sort_keys=False))
        return path

    return write


def test_runs_train_and_one_that_does_not_fit_tells_why(file, tmp_path, say, untouched):
    path = file(**{"method": ["lora"], "adapter.target_modules": [["query"], ["quarry"]], "seed": [0, 1]})
    told = say("sweep", path, "--output", tmp_path / "out").splitlines()
    assert told[1].split() == ["accuracy", "runs", "seconds"]
    assert [line.split()[0] for line in told[2:4]] == ["target_modules_query", "target_modules_quarry"]
    assert "% ± " in told[2]
    assert "0 of 2 " in told[3]
    assert "failed: target_modules_quarry-seed_0: TargetError: " in told[3]
    assert told[-2:] == [
        f"in {tmp_path / 'out'}",
        f"tables: adalora report {path} --results {tmp_path / 'out'}",
    ]
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".failed"] * 2 + [".json"] * 2
    before = untouched(tmp_path / "out")
    assert say("sweep", path, f"--output={tmp_path / 'out'}", "--jobs", "2").splitlines() == told
    assert untouched(tmp_path / "out") == before


def test_many_runs_ask_for_yes(file, refuse, monkeypatch, say, tmp_path):
    path = file(seed=[*range(101)], **{"training.max_steps": [*range(1, 101)]})
    assert refuse("sweep", path) == f"{path} makes 10,100 runs, more than 10,000; give --yes to have them."
    seen = []
    monkeypatch.setattr(command, "require_metrics", lambda metrics, configs: None)
    monkeypatch.setattr(
        command, "entries_of", lambda plan, base, read: [Entry(str(plan.count()), {}, {}, {})]
    )
    monkeypatch.setattr(command, "sweep", lambda entries, output, **words: seen.append(entries) or "table")
    assert say("sweep", path, "--yes") == f"\ntable\n\nin runs/sweeps/swept\ntables: adalora report {path}\n"
    assert [entry.name for entry in seen[0]] == ["10100"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "SWEEP is 'nothing'; allowed: the path of a YAML file, or a shipped one: budget, methods, "),
        ([], "SWEEP is missing; usage: adalora sweep SWEEP [--output DIR] [--jobs N] [--yes] [--retry] [--engine local|ray] [--address HOST:PORT]."),
        (["table5", "--jobs", "0"], "jobs is '0'; allowed: a whole number of at least 1."),
        (["table5", "--jobs", "two"], "jobs is 'two'; allowed"),
        (["table5", "--engine", "rai"], "engine is 'rai'; allowed: local, ray. Did you mean 'ray'?"),
        (["table5", "--address", "auto"], "address is 'auto', and engine 'local' stays on this machine; give --engine ray"),
        (["table5", "--engine", "ray", "--address", "here"], "address is 'here'; allowed: HOST:PORT of a Ray cluster, or auto"),
        (["table5", "--engine", "ray", "--address", "here:65536"], "address is 'here:65536'; allowed: HOST:PORT"),
        (["table5", "--retries"], "option is '--retries'; allowed: --output, --jobs, --yes, --retry, --engine, --address. Did you mean"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(words, said, refuse):
    assert refuse("sweep", *words).startswith(said)


def test_nothing_is_written_before_all_runs_are_checked(file, tmp_path, refuse):
    path = file(**{"seed": [0], "training.learning_rate": [0.1, -1]})
    said = refuse("sweep", path, "--output", tmp_path / "out")
    assert said.startswith("run learning_rate_-1: training.learning_rate is -1.0; allowed: a finite number")
    path = file(task=["hub:opinions", "hub"])
    said = refuse("sweep", path, "--output", tmp_path / "out")
    assert said.startswith("run task_hub: task is 'hub'; allowed: ")
    assert not (tmp_path / "out").exists()


def test_a_metric_that_no_task_of_the_sweep_has_is_named_before_anything_trains(file, tmp_path, refuse):
    path = file(seed=[0])
    path.write_text(path.read_text() + "report: {metrics: [acuracy]}\n")
    said = refuse("sweep", path, "--output", tmp_path / "out")
    assert (
        said
        == "report: metrics (of hub:opinions) is 'acuracy'; allowed: accuracy, loss. Did you mean 'accuracy'?"
    )
    assert not (tmp_path / "out").exists()


def test_the_help_lists_what_is_shipped(say):
    told = say("sweep", "--help")
    assert "a YAML file, or a shipped sweep: budget, methods, orthogonality" in told


SHIPPED = shipped.shipped_sweeps()
OFFLINE = set(SHIPPED) - {"table2", "table3", "table4", "table15"}


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_whole(name, tmp_path):
    plan = read_plan(SHIPPED[name])
    assert plan.name == name
    assert plan.count() == int(re.search(r"# ([\d,]+) runs", SHIPPED[name].read_text())[1].replace(",", ""))
    assert f"adalora sweep {name}" in SHIPPED[name].read_text()
    entries = entries_of(plan, command.base_of(plan), reader())
    runs = [config for entry in entries for config in entry.configs()]
    assert len({entry.name for entry in entries}) == len(entries)
    assert all(
        run.training.learning_rate in (plan.choice.of(run.method) if plan.choice else (2e-3, 8e-3))
        for run in runs
    )
    assert ({run.model for run in runs} <= {"minilm", "smollm2"}) == (name in OFFLINE)
    assert plan.resources.gpus == (0 if name in OFFLINE else 1)
    lines = lines_of(outcomes(entries, Store(tmp_path)), plan.choice.setting if plan.choice else "")
    plan_of(read_layout(plan.report), lines)  # tells all entries apart
    lengths = {run.data.target_length for run in runs if run.task == "wikisql"}
    assert lengths <= {128}  # with 64 tokens queries of three conditions lose their end


@pytest.mark.parametrize("family", ["roberta", "deberta-v2"])
def test_what_is_new_in_a_model_of_table_2_is_trained(family):
    model = MODELS[family]()
    new = {name for name, _ in model.named_parameters() if not name.startswith(f"{model.base_model_prefix}.")}
    plan = read_plan(SHIPPED["table2"])
    settings = [flatten(command.base_of(plan)) | flatten(changes) for changes in plan.combinations()]
    several = {tuple(one["adapter.train_modules"]) for one in settings if family in one["model"].lower()}
    assert several
    for modules in several:
        assert {name for name in new if name.split(".")[0] in modules} == new


def test_every_method_and_the_tables_of_the_papers_ship():
    plan = read_plan(SHIPPED["methods"])
    assert set(plan.grids[0]["method"]) == set(METHODS)
    tables = {"table2", "table3", "table4", "table5", "table6", "table7", "table15", "table18"}
    assert set(SHIPPED) == tables | {"budget", "methods", "orthogonality", "schedules", "scorers"}
    assert not [name for name in shipped.shipped() if "sweeps" in name]
