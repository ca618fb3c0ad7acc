"""What every combination chooses for itself."""

import re

import pytest

from adalora import ConfigError
from experiments.methods import METHODS
from experiments.sweeps.choice import Choice, best, read_choice, read_seeds

RATE = "training.learning_rate"
FORM = f"a setting with numbers to choose from, and the seeds that decide, such as {{{RATE}: [1.0e-3, 4.0e-3], seeds: [0]}}"
NUMBERS = f"a list of distinct numbers, or 'method' for {RATE}"
SEEDS = "a list of distinct whole numbers, such as [0, 1, 2]"


@pytest.mark.parametrize(
    ("found", "choice"),
    [
        ({RATE: [1e-3, 4e-3], "seeds": [0]}, Choice(RATE, (1e-3, 4e-3), (0,))),
        ({"seeds": [2, 1], RATE: [1]}, Choice(RATE, (1,), (2, 1))),
        ({"adapter.alpha": [4, 0.5], "seeds": [0]}, Choice("adapter.alpha", (4, 0.5), (0,))),
        ({RATE: "method", "seeds": [0]}, Choice(RATE, (), (0,))),
    ],
)
def test_a_setting_its_values_and_the_seeds_that_decide_are_read(found, choice):
    assert read_choice(found) == choice


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, f"choose is None; allowed: {FORM}."),
        ([RATE], f"choose is ['{RATE}']; allowed: {FORM}."),
        ({}, f"choose is {{}}; allowed: {FORM}."),
        ({RATE: [1]}, f"choose is {{'{RATE}': [1]}}; allowed: {FORM}."),
        ({"seeds": [1]}, f"choose is {{'seeds': [1]}}; allowed: {FORM}."),
        ({"a": [1], "b": [1]}, f"choose is {{'a': [1], 'b': [1]}}; allowed: {FORM}."),
        ({"a": [1], "b": [1], "seeds": [0]}, f"choose is {{'a': [1], 'b': [1], 'seeds': [0]}}; allowed: {FORM}."),
        ({3: [1], "seeds": [0]}, f"choose is {{3: [1], 'seeds': [0]}}; allowed: {FORM}."),
        ({False: [1], "seeds": [0]}, f"choose is {{False: [1], 'seeds': [0]}}; allowed: {FORM}."),
        ({RATE: [], "seeds": [0]}, f"choose: {RATE} is []; allowed: {NUMBERS}."),
        ({RATE: 1e-3, "seeds": [0]}, f"choose: {RATE} is 0.001; allowed: {NUMBERS}."),
        ({RATE: None, "seeds": [0]}, f"choose: {RATE} is None; allowed: {NUMBERS}."),
        ({RATE: ["1e-3"], "seeds": [0]}, f"choose: {RATE} is ['1e-3']; allowed: {NUMBERS}."),
        ({RATE: [1, True], "seeds": [0]}, f"choose: {RATE} is [1, True]; allowed: {NUMBERS}."),
        ({RATE: [1, [2]], "seeds": [0]}, f"choose: {RATE} is [1, [2]]; allowed: {NUMBERS}."),
        ({RATE: [1, 2, 1.0], "seeds": [0]}, f"choose: {RATE} is [1, 2, 1.0]; allowed: {NUMBERS}."),
        ({RATE: "methods", "seeds": [0]}, f"choose: {RATE} is 'methods'; allowed: {NUMBERS}."),
        ({"adapter.rank": "method", "seeds": [0]},
         f"choose: adapter.rank is 'method'; allowed: a list; 'method' is for {RATE}."),
        ({RATE: [1], "seeds": 0}, f"choose: seeds is 0; allowed: {SEEDS}."),
        ({RATE: "method", "seeds": []}, f"choose: seeds is []; allowed: {SEEDS}."),
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_words(found, said):
    with pytest.raises(ConfigError, match=f"^{re.escape(said)}$"):
        read_choice(found)


@pytest.mark.parametrize("setting", ["seed", "name"])
def test_what_a_sweep_sets_for_every_run_cannot_be_chosen(setting):
    with pytest.raises(ConfigError, match=rf"^choose: {setting} is \[1, 2\]; allowed: .*any other setting"):
        read_choice({setting: [1, 2], "seeds": [0]})


@pytest.mark.parametrize("found", [[0], [2, 0, 1], [2**40]])
def test_seeds_are_kept_in_their_order(found):
    assert read_seeds("seeds", found) == tuple(found)


@pytest.mark.parametrize("found", [None, 0, "0", [], (), {0: 1}, ["0"], [0.0], [True], [-1], [0, 0], [[0]]])
def test_what_is_no_list_of_seeds_is_refused_where_it_stands(found):
    with pytest.raises(ConfigError, match=f"^{re.escape(f'here is {found!r}; allowed: {SEEDS}.')}$"):
        read_seeds("here", found)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_chooses_from_the_list_or_from_its_own_rates(method):
    assert Choice(RATE, (1e-3, 4e-3), (0,)).of(method) == (1e-3, 4e-3)
    assert Choice(RATE, (), (0,)).of(method) == METHODS[method].rates


def test_what_any_method_may_choose_from_is_the_one_list_or_the_rates_of_all():
    assert Choice(RATE, (1e-3, 4e-3), (0,)).possible() == [(1e-3, 4e-3)]
    assert Choice(RATE, (), (0,)).possible() == [method.rates for method in METHODS.values()]


@pytest.mark.parametrize(
    ("scores", "value"),
    [
        ({1e-3: 0.5, 4e-3: 0.75}, 4e-3),
        ({1e-3: 0.5, 4e-3: 0.25}, 1e-3),
        ({4e-3: 0.5, 1e-3: 0.5, 2e-3: 0.5, 1e-4: 0.25}, 1e-3),
        ({1: float("-inf"), 2: -3.0}, 2),
        ({8: float("-inf"), 2: float("-inf")}, 2),
        ({-1: 0.5, -2: 0.5}, -2),
        ({3: 0.0}, 3),
    ],
)
def test_the_highest_score_is_best_and_of_equal_ones_the_smaller_value(scores, value):
    assert best(scores) == value
