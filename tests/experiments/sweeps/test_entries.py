"""From a sweep to the settings of its runs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adalora import ConfigError
from experiments.commands.train import reader
from experiments.mappings import flatten
from experiments.methods import METHODS
from experiments.named import setting_of
from experiments.sweeps.budget import Budget
from experiments.sweeps.choice import Choice
from experiments.sweeps.entries import entries_of
from experiments.sweeps.plan import Plan
from experiments.sweeps.store import key_of

BASE = {
    "name": "base",
    "task": "stsb",
    "model": "minilm",
    "adapter": {"rank": 2, "target_modules": ["query"]},
}
RATE = "training.learning_rate"


def entries(*grids, base=BASE, **more):
    return entries_of(Plan("swept", base, grids, "runs", **more), base, reader())


def runs(*grids, **more):
    return [run for entry in entries(*grids, **more) for run in entry.configs()]


def test_every_combination_is_a_run_that_is_named_by_what_varies():
    found = runs({"adapter.rank": [4, 8], "seed": [0, 1], "training.learning_rate": ["1e-3"]})
    assert [run.name for run in found] == ["rank_4-seed_0", "rank_4-seed_1", "rank_8-seed_0", "rank_8-seed_1"]
    assert [(run.adapter.rank, run.seed) for run in found] == [(4, 0), (4, 1), (8, 0), (8, 1)]
    assert {run.training.learning_rate for run in found} == {1e-3}
    assert {tuple(run.adapter.target_modules) for run in found} == {("query",)}
    assert [run.name for run in runs({"seed": [3]})] == ["swept"]


def test_a_run_is_what_adalora_train_would_make_of_it():
    (lora, adaptive) = runs({"method": ["lora", "adalora"], "data.train_rows": [None]})
    assert (lora.adapter.update, lora.adapter.init) == ("lora", "kaiming")
    assert (adaptive.adapter.update, adaptive.adapter.init) == ("svd", "orthogonal")
    assert lora == reader()(flatten(BASE | {"name": lora.name, "method": "lora"}))


def test_a_group_of_settings_varies_as_one():
    found = runs({"adapter": [{"rank": 4, "alpha": 1}, {"rank": 8, "alpha": 2}]})
    assert [(run.adapter.rank, run.adapter.alpha) for run in found] == [(4, 1.0), (8, 2.0)]
    assert [run.name for run in found] == ["adapter_rank_4.alpha_1", "adapter_rank_8.alpha_2"]


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"adapter.rnk": [1]}, r"^run swept: adapter.rnk is no setting\. Did you mean 'adapter.rank'"),
        ({"seed": [0, "x"]}, r"^run seed_x: seed is 'x'; allowed: a whole number"),
        ({"adapter": [{"rnk": 1}]}, r"adapter.rnk is no setting"),
        ({"method": ["lora", "lore"]}, r"^run method_lore: method is 'lore'; .* Did you mean 'lora'"),
        ({"method": ["lora", "adalora"], "adapter.update": ["lora"]},
         r"^run method_adalora: adapter.update is 'lora'; allowed: 'svd' with method: adalora"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_run(grid, said):
    with pytest.raises(ConfigError, match=said):
        runs(grid)


@pytest.mark.parametrize(
    ("grids", "said"),
    [
        ([{"seed": [0, 0]}], r"\(seed=0\) and \(seed=0\) come to one run"),
        ([{"method": ["lora"], "allocation.target_rank": [1, 2]}],
         r"\(method=lora, allocation.target_rank=1\) and \(method=lora, allocation.target_rank=2\) come to one"),
        ([{"seed": [0, 1]}, {"seed": [1], "adapter.rank": [2]}], r"\(seed=1\) and \(adapter.rank=2, seed=1\) come"),
        ([{"method": ["lora"], "adapter.update": ["lora", "svd"], "adapter.init": ["pissa"]}], "come to one run"),
    ],
)  # fmt: skip
def test_two_combinations_that_are_one_run_are_named(grids, said):
    with pytest.raises(ConfigError, match=said):
        runs(*grids)


@pytest.mark.parametrize("where", ["grid", "base"])
def test_a_seed_that_is_no_number_is_named_with_its_run(where):
    base = BASE | ({"seed": "x"} if where == "base" else {})
    with pytest.raises(ConfigError, match=r"^run swept: seed is 'x'; allowed: a whole number"):
        runs({"seed": ["x"]} if where == "grid" else {"data.train_rows": [None]}, base=base)


def test_one_list_of_seeds_is_for_every_combination():
    (lora, adaptive) = entries({"method": ["lora", "adalora"]}, seeds=(3, 1))
    assert [run.name for run in lora.finals[None]] == ["method_lora-seed_3", "method_lora-seed_1"]
    assert [run.seed for run in adaptive.finals[None]] == [3, 1]
    assert (lora.name, adaptive.name, lora.trials) == ("method_lora", "method_adalora", {})
    assert [run.seed for run in runs({"method": ["lora"]}, base=BASE | {"seed": 7})] == [7]


def test_every_value_has_its_trials_and_its_finals():
    choice = Choice(RATE, (1e-3, 4e-3), (5,))
    (lora, _) = entries({"method": ["lora", "adalora"]}, seeds=(0, 1), choice=choice)
    assert (lora.name, lora.changes) == ("method_lora", {"method": "lora"})
    assert {value: [run.seed for run in some] for value, some in lora.trials.items()} == {
        1e-3: [5],
        4e-3: [5],
    }
    assert {value: [run.seed for run in some] for value, some in lora.finals.items()} == {
        1e-3: [0, 1],
        4e-3: [0, 1],
    }
    for some in (lora.trials, lora.finals):
        for value, ones in some.items():
            assert {one.training.learning_rate for one in ones} == {value}
    assert [run.name for run in lora.configs()] == [
        "method_lora-learning_rate_0.001-seed_5",
        "method_lora-learning_rate_0.004-seed_5",
        "method_lora-learning_rate_0.001-seed_0",
        "method_lora-learning_rate_0.001-seed_1",
        "method_lora-learning_rate_0.004-seed_0",
        "method_lora-learning_rate_0.004-seed_1",
    ]


@pytest.mark.parametrize(("seeds", "deciding"), [((0, 1), (0,)), ((7,), (0,)), ((0,), (0, 1)), ((0,), (0,))])
def test_runs_that_differ_have_names_that_do(seeds, deciding):
    found = runs({"method": ["lora"]}, seeds=seeds, choice=Choice(RATE, (1e-3, 4e-3), deciding))
    assert len({run.name for run in found}) == len({key_of(run) for run in found})


def test_a_run_that_decides_and_is_compared_is_one_run():
    (entry,) = entries({"method": ["lora"]}, seeds=(0, 1), choice=Choice(RATE, (1e-3, 4e-3), (0,)))
    for value in (1e-3, 4e-3):
        assert entry.trials[value] == entry.finals[value][:1]


def test_each_method_chooses_from_rates_of_its_own():
    found = entries(
        {"method": ["lora", "lora+", "bitfit", "full"]}, seeds=(0,), choice=Choice(RATE, (), (0,))
    )
    for entry in found:
        own = METHODS[entry.changes["method"]].rates
        assert tuple(entry.trials) == tuple(entry.finals) == own
        assert [run.training.learning_rate for run in entry.configs()] == [*own, *own]
    assert found[0].finals.keys() != found[1].finals.keys()


def test_a_method_of_the_base_has_rates_of_its_own_too():
    (entry,) = entries(
        {"data.train_rows": [10]}, base=BASE | {"method": "full"}, seeds=(0,), choice=Choice(RATE, (), (0,))
    )
    assert tuple(entry.trials) == METHODS["full"].rates


@pytest.mark.parametrize("choice", [Choice(RATE, (), (0,)), Choice(RATE, (1e-3,), (0,))])
def test_an_unknown_method_is_named_with_its_run_where_something_is_chosen(choice):
    with pytest.raises(ConfigError, match=r"^run method_lore[^:]*: method is 'lore'; .* Did you mean 'lora'"):
        runs({"method": ["lora", "lore"]}, seeds=(0,), choice=choice)


def test_a_value_that_a_setting_cannot_have_is_named_with_its_run():
    choice = Choice(RATE, (1e-3, -1), (0,))
    said = f"^run learning_rate_-1: {RATE} is -1.0; allowed: a finite number above 0"
    with pytest.raises(ConfigError, match=said):
        runs({"method": ["lora"]}, seeds=(0,), choice=choice)


SEEDS = st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True).map(tuple)
RATES = st.lists(st.sampled_from([1e-4, 1e-3, 4e-3]), min_size=1, max_size=2, unique=True).map(tuple)


@settings(max_examples=25)
@given(
    methods=st.lists(st.sampled_from(["lora", "adalora", "bitfit"]), min_size=1, max_size=2, unique=True),
    ranks=st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True),
    seeds=SEEDS,
    deciding=SEEDS,
    values=st.one_of(RATES, st.just(())),
    data=st.data(),
)
def test_what_is_counted_is_what_trains_whatever_is_chosen(methods, ranks, seeds, deciding, values, data):
    grids = ({"method": methods, "adapter.rank": ranks},)
    plan = Plan("swept", BASE, grids, "runs", seeds=seeds, choice=Choice(RATE, values, deciding))
    trained = set()
    for entry in entries_of(plan, BASE, reader()):
        chosen = data.draw(st.sampled_from(list(entry.trials)))
        tried = [run for some in entry.trials.values() for run in some]
        trained |= {key_of(run) for run in (*tried, *entry.finals[chosen])}
    assert len(trained) == plan.count()


@settings(max_examples=15)
@given(
    rows=st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True), seeds=SEEDS, split=st.booleans()
)
def test_what_is_counted_is_what_trains_where_nothing_is_chosen(rows, seeds, split):
    grids = tuple({"data.train_rows": [one]} for one in rows) if split else ({"data.train_rows": rows},)
    plan = Plan("swept", BASE, grids, "runs", seeds=seeds)
    found = [run for entry in entries_of(plan, BASE, reader()) for run in entry.configs()]
    assert len({key_of(run) for run in found}) == len(found) == plan.count()


@pytest.mark.parametrize(
    ("grids", "more", "said"),
    [
        ([{"method": ["lora"]}, {"method": ["lora"], "adapter.rank": [2]}],
         {"seeds": (1, 2), "choice": Choice(RATE, (1e-3, 4e-3), (0,))},
         r"^\(method=lora, seed=0\) and \(method=lora, adapter.rank=2, seed=0\) come to one run"),
        ([{"method": ["lora"], "allocation.target_rank": [1, 2]}],
         {"seeds": (0,), "choice": Choice(RATE, (), (0,))}, "allocation.target_rank=2\\) come to one run"),
        ([{"method": ["lora"], "adapter.rank": [4, 8]}], {"budget": Budget("rank", 2)},
         r"^\(method=lora, adapter.rank=4\) and \(method=lora, adapter.rank=8\) come to one run"),
        ([{"method": ["adalora"], "allocation.target_rank": [1, 2]}],
         {"seeds": (0, 1), "budget": Budget("rank", 2), "choice": Choice(RATE, (1e-3,), (0,))}, "come to one run"),
    ],
)  # fmt: skip
def test_two_combinations_that_a_choice_or_a_budget_makes_one_run_are_named(grids, more, said):
    with pytest.raises(ConfigError, match=said):
        runs(*grids, **more)


def test_a_budget_is_that_of_every_run():
    found = entries(
        {"method": ["lora", "adalora", "bitfit"]},
        seeds=(0, 1),
        choice=Choice(RATE, (1e-3, 4e-3), (0,)),
        budget=Budget("rank", 5),
    )
    ranks = {
        entry.name: {(run.adapter.rank, run.allocation.target_rank) for run in entry.configs()}
        for entry in found
    }
    usual = runs({"seed": [0]})[0].allocation.target_rank
    assert ranks == {"method_lora": {(5, usual)}, "method_adalora": {(8, 5)}, "method_bitfit": {(2, usual)}}


@pytest.fixture
def local(bert):
    """Return a base on a model that is there."""
    return BASE | {"model": str(bert), "task": "rotten_tomatoes"}


def test_an_error_of_the_budget_carries_the_name_of_the_run(local):
    with pytest.raises(
        ConfigError, match=r"^run method_lora: budget: parameter is 5, but with method: lora and"
    ):
        runs({"method": ["bitfit", "lora"]}, base=local, budget=Budget("parameter", 5))
    with pytest.raises(
        ConfigError, match=r"^run swept: budget: parameter is 5, but with method: adalora and"
    ):
        runs({"seed": [0]}, base=local, budget=Budget("parameter", 5))
    with pytest.raises(ConfigError, match=r"^run method_lore: method is 'lore'"):
        runs({"method": ["bitfit", "lore"]}, base=local, budget=Budget("rank", 5))


def test_a_budget_holds_for_every_value_that_is_chosen_from(local):
    found = runs(
        {"method": ["preembed"]},
        base=local,
        seeds=(0,),
        choice=Choice("tokens.infix", (0, 3, 6), (0,)),
        budget=Budget("parameter", 10 * 16),
    )
    assert {(run.tokens.infix, run.tokens.prefix) for run in found} == {(0, 10), (3, 7), (6, 4)}


def test_what_a_budget_sets_cannot_be_chosen():
    said = r"^run method_lora: choose: adapter\.rank is \[4, 8\]; allowed: a setting that the budget does not set"
    with pytest.raises(ConfigError, match=said):
        runs(
            {"method": ["bitfit", "lora"]},
            seeds=(0,),
            choice=Choice("adapter.rank", (4, 8), (0,)),
            budget=Budget("rank", 2),
        )


def test_any_number_of_the_settings_can_be_chosen():
    (entry,) = entries({"method": ["lora"]}, seeds=(0,), choice=Choice("adapter.alpha", (4, 0.5), (0,)))
    for value, some in entry.finals.items():
        assert [setting_of(run, "adapter.alpha") for run in some] == [value]
