"""What came out of a sweep, from made-up results."""

from math import inf, nan, sqrt

import pytest

from experiments.sweeps.entries import Entry
from experiments.sweeps.outcomes import mean_and_sd, outcomes
from experiments.sweeps.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


@pytest.fixture
def one(choosing, score, store):
    """Return an entry of two rates and two deciding seeds whose trials are there: the larger rate is better."""
    entry = choosing(decide=(0, 1), compare=(0, 2))
    for rate, scores in ((1e-3, (0.5, 0.75)), (1e-2, (0.625, 0.875))):
        for run, value in zip(entry.trials[rate], scores, strict=True):
            score(store, run, value, test=value - 0.25)
    return entry


def outcome(entry, store):
    (found,) = outcomes([entry], store)
    assert found.entry is entry
    return found


def test_the_best_mean_on_the_validation_rows_is_chosen(one, store, score):
    found = outcome(one, store)
    assert (found.chosen, found.validation) == (1e-2, {1e-3: 0.625, 1e-2: 0.75})
    assert (set(found.results), found.missing, found.failures) == ({0}, 1, ())
    score(store, one.finals[1e-2][1], 0.1, test=0.25)
    found = outcome(one, store)
    assert (found.chosen, set(found.results), found.missing) == (1e-2, {0, 2}, 0)
    assert found.scores("accuracy", "test") == {0: 0.375, 2: 0.25}


def test_test_rows_have_no_say_in_what_is_chosen(choosing, store, score):
    entry = choosing(compare=(0,))
    score(store, entry.trials[1e-3][0], 0.75, test=0.1)
    score(store, entry.trials[1e-2][0], 0.5, test=0.9)
    assert outcome(entry, store).chosen == 1e-3


def test_of_equal_values_the_smaller_is_chosen(choosing, store, score):
    entry = choosing(rates=(1e-2, 1e-3))
    for rate in (1e-2, 1e-3):
        score(store, entry.trials[rate][0], 0.5, test=0.5)
    assert outcome(entry, store).chosen == 1e-3


def test_a_value_with_a_trial_that_failed_is_left_out(one, store):
    lost = one.trials[1e-2][1]
    store.path(lost).unlink()
    store.write_failure(lost, "ValueError: no", "Traceback")
    found = outcome(one, store)
    assert (found.chosen, found.validation) == (1e-3, {1e-3: 0.625})
    assert found.failures == ("rate_0.01-seed_1: ValueError: no",)
    assert (set(found.results), found.missing) == ({0}, 1)


def test_nothing_is_chosen_while_a_trial_is_not_there(one, store):
    store.path(one.trials[1e-2][1]).unlink()
    found = outcome(one, store)
    assert (found.chosen, found.validation) == (None, {1e-3: 0.625})
    assert (found.results, found.failures, found.missing) == ({}, (), 2)


def test_nothing_is_compared_where_all_trials_have_failed(one, store):
    for runs in one.trials.values():
        store.path(runs[0]).unlink()
        store.write_failure(runs[0], "ValueError: no", "Traceback")
    found = outcome(one, store)
    assert (found.chosen, found.validation, found.results, found.missing) == (None, {}, {}, 2)
    assert found.failures == ("rate_0.001-seed_0: ValueError: no", "rate_0.01-seed_0: ValueError: no")
    assert (found.headline, found.scores("accuracy", "test"), found.losses("test")) == (None, {}, {})


def test_nothing_is_compared_before_there_are_trials(choosing, store):
    found = outcome(choosing(compare=(0, 1, 2)), store)
    assert (found.chosen, found.validation, found.results, found.failures, found.missing) == (
        None, {}, {}, (), 3,
    )  # fmt: skip


def test_a_failure_of_a_compared_run_is_told_and_is_not_missing(one, store):
    store.write_failure(one.finals[1e-2][1], "ValueError: no", "Traceback")
    store.write_failure(one.finals[1e-3][1], "ValueError: of a value that is not chosen", "Traceback")
    found = outcome(one, store)
    assert found.failures == ("rate_0.01-seed_2: ValueError: no",)
    assert (set(found.results), found.missing) == ({0}, 0)


@pytest.mark.parametrize("gone", [nan, inf])
def test_a_value_whose_weights_have_run_away_is_the_worst(choosing, store, score, gone):
    entry = choosing()
    score(store, entry.trials[1e-3][0], gone, test=0.5)
    score(store, entry.trials[1e-2][0], 0.0, test=0.5)
    found = outcome(entry, store)
    assert (found.chosen, found.validation) == (1e-2, {1e-3: -inf, 1e-2: 0.0})


def test_without_a_choice_all_runs_are_compared(rated, store, score):
    runs = tuple(rated(1e-3, seed) for seed in (4, 5, 6))
    score(store, runs[0], 0.5, seconds=10, test=0.25)
    score(store, runs[1], 0.5, seconds=15, test=0.75)
    found = outcome(Entry("lora", {}, {None: runs}, {}), store)
    assert (found.chosen, found.validation, found.missing) == (None, {}, 1)
    assert {seed: result["config"]["seed"] for seed, result in found.results.items()} == {4: 4, 5: 5}
    assert (found.headline, found.part, found.mean("seconds")) == ("accuracy", "test", 12.5)
    assert found.scores("accuracy", "test") == {4: 0.25, 5: 0.75}
    assert found.losses("test") == {4: 0.75, 5: 0.25}


def test_numbers_that_are_not_finite_are_left_out(rated, store, score):
    runs = tuple(rated(1e-3, seed) for seed in range(4))
    for run, value in zip(runs, (nan, 0.25, inf, 0.5), strict=True):
        score(store, run, 0.5, test=value)
    found = outcome(Entry("lora", {}, {None: runs}, {}), store)
    assert (set(found.results), found.missing) == ({0, 1, 2, 3}, 0)
    assert found.scores("accuracy", "test") == {1: 0.25, 3: 0.5}
    assert found.losses("test") == {1: 0.75, 3: 0.5}
    assert found.scores("f1", "test") == {}


@pytest.mark.parametrize(
    ("tests", "part"),
    [
        ({"matched": 0.5, "mismatched": 0.25}, "matched"),
        ({"mismatched": 0.5, "matched": 0.25}, "mismatched"),
        ({}, "validation"),
    ],
)
def test_the_first_test_part_gives_the_headline(rated, store, score, tests, part):
    run = rated(1e-3, 0)
    score(store, run, 0.75, **tests)
    found = outcome(Entry("lora", {}, {None: (run,)}, {}), store)
    assert found.part == part
    assert found.scores("accuracy", part) == {0: tests.get(part, 0.75)}


def test_results_without_losses_have_none(rated, store):
    run = rated(1e-3, 0)
    store.write(run, {"headline": "accuracy", "scores": {"validation": {"accuracy": 0.5}}, "seconds": 1})
    assert outcome(Entry("lora", {}, {None: (run,)}, {}), store).losses("validation") == {}


def test_every_entry_has_its_outcome_in_their_order(choosing, store):
    entries = [choosing(name) for name in ("b", "a")]
    assert [found.entry.name for found in outcomes(entries, store)] == ["b", "a"]


@pytest.mark.parametrize(
    ("values", "mean", "sd"),
    [([0.5], 0.5, None), ([0.25, 0.75], 0.5, sqrt(0.125)), ([2.0, 2.0, 2.0], 2.0, 0.0)],
)
def test_a_mean_has_a_deviation_where_there_are_several(values, mean, sd):
    assert mean_and_sd(values) == (mean, sd)
