"""What a sweep's file says."""

import pytest
import yaml

from adalora import ConfigError
from experiments.sweeps.budget import Budget
from experiments.sweeps.choice import Choice
from experiments.sweeps.plan import read_plan
from experiments.sweeps.resources import Resources

RATE = "training.learning_rate"
CHOOSE = {RATE: [1e-3, 4e-3], "seeds": [0]}
METHODS = {"method": ["lora", "adalora"]}
GRID = {"adapter.rank": [4, 8], "seed": [0, 1, 2], "method": ["lora"]}


@pytest.fixture
def plan(tmp_path):
    """Return a maker of sweeps: entries given stand beside a base."""

    def make(**entries):
        path = tmp_path / "ranks.yaml"
        path.write_text(yaml.safe_dump({"base": "lora", **entries}, sort_keys=False))
        return read_plan(path)

    return make


def test_a_grid_is_a_product(plan):
    found = plan(grid=GRID)
    assert (found.name, found.output, found.count()) == ("ranks", "runs/sweeps/ranks", 6)
    assert list(found.combinations())[:4] == [
        {"adapter.rank": rank, "seed": seed, "method": "lora"}
        for rank, seed in ((4, 0), (4, 1), (4, 2), (8, 0))
    ]
    assert found.varied() == ("adapter.rank", "seed")


def test_several_grids_are_joined(plan):
    found = plan(name="both", grids=[{"method": ["lora"]}, {"method": ["adalora"], "seed": [0]}], output="x")
    assert (found.name, found.output, found.count()) == ("both", "x", 2)
    assert list(found.combinations()) == [{"method": "lora"}, {"method": "adalora", "seed": 0}]
    assert found.varied() == ("method", "seed")
    assert plan(grid={"seed": [0]}, grids=[{"seed": [1, 2]}]).count() == 3


def test_what_a_run_needs_is_read(plan):
    assert plan(grid=GRID).resources == Resources(cpus=1, gpus=0, memory=0)
    found = plan(grid=GRID, resources={"cpus": 2, "gpus": 0.5, "memory": "4e9"}).resources
    assert found == Resources(cpus=2, gpus=0.5, memory=4e9)


def test_a_million_runs_are_counted_and_not_made(plan):
    assert plan(grid={f"setting{number}": [*range(10)] for number in range(6)}).count() == 10**6


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({}, "grid is missing, so there would be no runs; allowed: lists by full setting name, such as"),
        ({"grid": GRID, "grd": 1}, "grd is nothing that a sweep has; allowed: name, .* Did you mean 'grid'"),
        ({"grid": {}}, "grid is {}; allowed: lists by full setting name"),
        ({"grid": {"seed": []}}, r"grid: seed is \[\]; allowed: a list of one value or more, .* there are no runs"),
        ({"grid": {"seed": 3}}, r"grid: seed is 3; allowed: a list of one value or more, such as \[3\]"),
        ({"grid": {"name": ["a"]}}, "grid: name is .* a run is named by what varies"),
        ({"grid": [1]}, r"grid is \[1\]; allowed: lists by"),
        ({"grids": GRID}, "grids is .* allowed: a list of grids"),
        ({"grids": [{"seed": [0]}, {"seed": 1}]}, r"grids\[1\]: seed is 1; allowed: a list"),
        ({"grid": GRID, "base": None}, "base is None; allowed: a shipped file, the path of a YAML file, or settings"),
        ({"grid": GRID, "name": "a/b"}, "name is 'a/b'; allowed: up to 100 letters"),
        ({"grid": GRID, "resources": 2}, "resources is 2; allowed: needs of one run by name, such as cpus: 2"),
        ({"grid": GRID, "resources": {"gpu": 1}}, "resources: gpu is nothing .* allowed: cpus, gpus, memory. Did you mean 'gpus'"),
        ({"grid": GRID, "resources": {"gpus": -1}}, "resources: gpus is -1; allowed: a number of at least 0, whole above 1"),
        ({"grid": GRID, "resources": {"cpus": 1.5}}, "resources: cpus is 1.5; allowed: a number of at least 0, whole above 1"),
        ({"grid": GRID, "resources": {"memory": "much"}}, "resources: memory is 'much'; allowed: a number of at least 0"),
        ({"grid": GRID, "resources": {"memory": True}}, "resources: memory is True; allowed: a number"),
        ({"grid": GRID, "output": 3}, "output is 3; allowed: a folder"),
        ({"grid": {1: [2]}}, "grid: 1 is .*; allowed: the full name of a setting"),
        ({"grid": GRID, "resources": None}, "resources is None; allowed: needs of one run by name"),
        ({"grid": GRID, "resources": [1]}, r"resources is \[1\]; allowed: needs of one run by name"),
        ({"grid": GRID, "resources": {"cpus": None}}, "resources: cpus is None; allowed: a number of at least 0"),
        ({"grid": GRID, "resources": {"gpus": ".inf"}}, "resources: gpus is '.inf'; allowed: a number of at least 0"),
        ({"grid": GRID, "report": None}, "report is None; allowed: settings of its tables"),
        ({"grid": GRID, "report": [1]}, r"report is \[1\]; allowed: settings of its tables"),
        ({"grid": METHODS, "budget": 8}, "budget is 8; allowed: one of rank: N and parameter: N"),
        ({"grid": METHODS, "budget": {"rank": 0}}, "budget: rank is 0; allowed: a whole number of at least 1"),
        ({"grid": METHODS, "seeds": 3}, "seeds is 3; allowed: a list of distinct whole numbers"),
        ({"grid": METHODS, "seeds": None}, "seeds is None; allowed: a list of distinct whole numbers"),
        ({"grid": METHODS, "seeds": [1, 1]}, r"seeds is \[1, 1\]; allowed: a list of distinct whole numbers"),
        ({"grid": GRID, "seeds": [0, 1]},
         r"^seeds is \[0, 1\]; allowed: seeds of the grids, or one list of them for all: seeds: \[0, 1, 2\]\.$"),
        ({"grids": [METHODS, {"seed": [3]}], "seeds": [0]}, r"^seeds is \[0\]; allowed: seeds of the grids, or one list"),
        ({"grid": METHODS, "choose": CHOOSE},
         r"^seeds is \[\]; allowed: a list such as \[0, 1, 2\], where choose stands\.$"),
        ({"grid": GRID, "choose": CHOOSE}, r"^seeds is \[\]; allowed: a list such as"),
        ({"grid": METHODS, "seeds": [0], "choose": None}, "choose is None; allowed: a setting with numbers"),
        ({"grid": METHODS | {RATE: [1e-3]}, "seeds": [0], "choose": CHOOSE},
         rf"^choose: {RATE} is 'in a grid too'; allowed: a setting that no grid varies\.$"),
        ({"grids": [METHODS, {RATE: [1, 2]}], "seeds": [0], "choose": CHOOSE}, f"choose: {RATE} is 'in a grid too'"),
        ({"grid": {"training": [{"learning_rate": 1, "batch_size": 4}, {"learning_rate": 2, "batch_size": 8}]},
          "seeds": [0], "choose": CHOOSE}, f"choose: {RATE} is 'in a grid too'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(plan, entries, said):
    with pytest.raises(ConfigError, match=said):
        plan(**entries)


def test_seeds_a_choice_and_a_budget_stand_beside_the_grids(plan):
    report = {"columns": ["accuracy"]}
    found = plan(grid=METHODS, seeds=[1, 2], choose=CHOOSE, budget={"parameter": 500}, report=report)
    assert (found.seeds, found.choice) == ((1, 2), Choice(RATE, (1e-3, 4e-3), (0,)))
    assert (found.budget, found.report) == (Budget("parameter", 500), report)
    plain = plan(grid=METHODS)
    assert (plain.seeds, plain.choice, plain.budget, plain.report) == ((), None, None, {})


def test_a_group_beside_the_chosen_setting_may_vary(plan):
    groups = {"training": [{"batch_size": 4}, {"batch_size": 8}]}
    assert plan(grid=groups, seeds=[0], choose=CHOOSE).varied() == ("training",)


@pytest.mark.parametrize(
    ("seeds", "deciding", "count"),
    [
        ([0, 1, 2], [0], 2 * (2 + 2)),
        ([1, 2], [0], 2 * (2 + 2)),
        ([0], [0], 2 * 2),
        ([0], [0, 1], 2 * 4),
        ([1, 2, 3], [0, 1], 2 * (4 + 2)),
    ],
)
def test_seeds_that_decide_are_trained_with_every_value_and_the_others_with_one(plan, seeds, deciding, count):
    found = plan(grid=METHODS, seeds=seeds, choose={RATE: [1e-3, 4e-3], "seeds": deciding})
    assert found.count() == count


def test_seeds_are_counted_for_every_combination(plan):
    assert plan(grid=METHODS, seeds=[0, 1, 2]).count() == 6
    assert plan(grid=METHODS, seeds=[0, 1], choose={RATE: "method", "seeds": [0]}).count() == 2 * (5 + 1)
