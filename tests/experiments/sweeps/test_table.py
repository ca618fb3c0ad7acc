"""A sweep's outcomes as the terminal shows them."""

from math import nan

import pytest

from experiments.sweeps.entries import Entry
from experiments.sweeps.outcomes import outcomes
from experiments.sweeps.store import Store
from experiments.sweeps.table import table


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


@pytest.fixture
def plain(rated, store, score):
    """Return a maker of entries that choose nothing, with test scores by seed; None: no result, a text: why not."""

    def make(name, *scores, rate=1e-3):
        runs = tuple(rated(rate, seed) for seed in range(len(scores)))
        for run, value in zip(runs, scores, strict=True):
            if isinstance(value, str):
                store.write_failure(run, value, "Traceback")
            elif value is not None:
                score(store, run, 0.5, test=value)
        return Entry(name, {}, {None: runs}, {})

    return make


def lines(store, *entries):
    return table(outcomes(entries, store)).splitlines()


def test_a_mean_over_seeds_stands_with_its_deviation(plain, store):
    assert lines(store, plain("a", 0.5, 0.75), plain("longer", 0.25, rate=1e-2)) == [
        "                accuracy   runs   seconds",
        "a        62.5 % ± 17.7 %      2        10",
        "longer            25.0 %      1        10",
    ]


def test_what_is_not_there_yet_is_counted(plain, store):
    assert lines(store, plain("a", 0.5, None, None), plain("b", None, rate=1e-2)) == [
        "    accuracy     runs   seconds",
        "a     50.0 %   1 of 3        10",
        "b          -   0 of 1         -",
    ]


def test_without_any_result_there_is_no_metric(plain, store):
    assert lines(store, plain("a", None)) == ["      runs   seconds", "a   0 of 1         -"]


def test_a_number_that_is_not_finite_is_left_out_of_the_mean(plain, store):
    assert lines(store, plain("a", nan, 0.5), plain("b", nan, rate=1e-2)) == [
        "    accuracy   runs   seconds",
        "a     50.0 %      2        10",
        "b          -      1        10",
    ]


def test_the_first_failure_stands_behind_its_entry_and_all_are_counted(plain, store):
    assert lines(
        store, plain("a", 0.5, "ValueError: no", "ValueError: nor this"), plain("b", 0.25, rate=1e-2)
    ) == [
        "    accuracy     runs   seconds",
        "a     50.0 %   1 of 3        10   failed: rate_0.001-seed_1: ValueError: no",
        "b     25.0 %        1        10",
        "",
        "2 runs have failed; --retry tries again.",
    ]


def test_one_failure_is_one(plain, store):
    assert lines(store, plain("a", "ValueError: no"))[-2:] == ["", "1 run has failed; --retry tries again."]


def test_what_was_chosen_stands_in_front(choosing, plain, store, score):
    entry = choosing("lora", decide=(0,), compare=(0, 1))
    score(store, entry.trials[1e-3][0], 0.5, test=0.25)
    score(store, entry.trials[1e-2][0], 0.75, test=0.5)
    assert lines(store, entry) == [
        "       chosen   accuracy     runs   seconds",
        "lora     0.01     50.0 %   1 of 2        10",
    ]
    score(store, entry.finals[1e-2][1], 0.75, test=0.75, seconds=20)
    assert lines(store, entry, plain("plain", None, rate=0.5)) == [
        "        chosen          accuracy     runs   seconds",
        "lora      0.01   62.5 % ± 17.7 %        2        15",
        "plain        -                 -   0 of 1         -",
    ]


def test_nothing_is_chosen_where_all_trials_have_failed(choosing, store):
    entry = choosing("lora", decide=(0,), compare=(0, 1))
    for runs in entry.trials.values():
        store.write_failure(runs[0], "ValueError: no", "Traceback")
    assert lines(store, entry) == [
        "       chosen     runs   seconds",
        "lora        -   0 of 2         -   failed: rate_0.001-seed_0: ValueError: no",
        "",
        "2 runs have failed; --retry tries again.",
    ]


def test_a_failed_trial_is_told_beside_what_was_chosen_without_it(choosing, store, score):
    entry = choosing("lora", decide=(0,), compare=(0,))
    score(store, entry.trials[1e-3][0], 0.5, test=0.25)
    store.write_failure(entry.trials[1e-2][0], "ValueError: no", "Traceback")
    assert lines(store, entry) == [
        "       chosen   accuracy   runs   seconds",
        "lora    0.001     25.0 %      1        10   failed: rate_0.01-seed_0: ValueError: no",
        "",
        "1 run has failed; --retry tries again.",
    ]


def test_each_metric_has_a_column_and_is_written_as_people_do(plain, rated, store):
    other = rated(1e-2, 0)
    scores = {part: {"pearson": 0.8125, "accuracy": 0.1} for part in ("validation", "test")}
    store.write(other, {"headline": "pearson", "scores": scores, "seconds": 7})
    assert lines(store, plain("a", 0.5), Entry("b", {}, {None: (other,)}, {})) == [
        "    accuracy   pearson   runs   seconds",
        "a     50.0 %         -      1        10",
        "b          -     0.812      1         7",
    ]


def test_without_test_rows_the_validation_rows_give_the_number(rated, store, score):
    run = rated(1e-3, 0)
    score(store, run, 0.75)
    assert lines(store, Entry("a", {}, {None: (run,)}, {})) == [
        "    accuracy   runs   seconds",
        "a     75.0 %      1        10",
    ]
