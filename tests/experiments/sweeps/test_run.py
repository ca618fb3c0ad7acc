"""What a sweep trains, skips, tries again and tells."""

from dataclasses import replace

import pytest

from adalora import DataError
from experiments.sweeps import run
from experiments.sweeps.entries import Entry
from experiments.sweeps.store import FolderError, Store


@pytest.fixture
def entries(config):
    return [
        Entry(f"seed_{seed}", {}, {None: (replace(config(), name=f"seed_{seed}", seed=seed),)}, {})
        for seed in range(3)
    ]


@pytest.fixture
def trained(monkeypatch):
    """Make up the results: seed 1 fails while the list's first entry says so; return it, what was trained, and the engine."""
    fails, seen = [True], []

    def engine(configs, store, *, label):
        for config in configs:
            seen.append(config.name)
            if config.seed == 1 and fails[0]:
                store.write_failure(config, "ValueError: no", "Traceback")
            else:
                scores = {"validation": {"accuracy": 0.25}, "test": {"accuracy": 0.5 + config.seed / 10}}
                store.write(config, {"headline": "accuracy", "scores": scores, "seconds": 12.3})

    monkeypatch.setattr(run, "require_data", lambda configs: None)
    return fails, seen, engine


def sweep(entries, tmp_path, engine, *, retry=False):
    return run.sweep(entries, tmp_path / "out", engine=engine, retry=retry, label="swept")


def test_what_is_there_is_skipped_and_what_failed_is_shown_until_it_is_tried_again(
    entries, tmp_path, trained, capsys
):
    fails, seen, engine = trained
    told = sweep(entries, tmp_path, engine)
    assert told.splitlines() == [
        "         accuracy     runs   seconds",
        "seed_0     50.0 %        1        12",
        "seed_1          -   0 of 1         -   failed: seed_1: ValueError: no",
        "seed_2     70.0 %        1        12",
        "",
        "1 run has failed; --retry tries again.",
    ]
    assert "3 runs: 0 finished, 0 failed, 3 to train\n" in capsys.readouterr().err
    seen.clear()
    assert sweep(entries, tmp_path, engine) == told
    assert "3 runs: 2 finished, 1 failed, 0 to train\n" in capsys.readouterr().err
    assert seen == []
    fails[0] = False
    told = sweep(entries, tmp_path, engine, retry=True)
    assert seen == ["seed_1"]
    assert told.splitlines()[2:] == [
        "seed_1     60.0 %      1        12",
        "seed_2     70.0 %      1        12",
    ]


@pytest.fixture
def engine(score, monkeypatch):
    """Return an engine, what it is given call by call, the names that fail, and the number of runs after which it stops."""

    class Made:
        def __init__(self):
            self.given, self.fails, self.stops_after = [], set(), None

        def __call__(self, configs, store, *, label):
            self.given.append([config.name for config in configs])
            for number, config in enumerate(configs):
                if number == self.stops_after:
                    raise FolderError("the disk is full")
                if config.name in self.fails:
                    store.write_failure(config, "ValueError: no", "Traceback")
                else:
                    score(store, config, config.training.learning_rate, test=config.seed / 10)

    made = Made()
    monkeypatch.setattr(run, "require_data", lambda configs: None)
    return made


DECIDE = ["rate_0.001-seed_5", "rate_0.01-seed_5"]


def test_trials_come_first_and_then_only_what_is_compared_at_the_chosen_value(
    choosing, tmp_path, engine, capsys
):
    told = sweep([choosing(decide=(5,), compare=(0, 1))], tmp_path, engine)
    assert engine.given == [DECIDE, ["rate_0.01-seed_0", "rate_0.01-seed_1"]]
    assert told.splitlines() == [
        "       chosen        accuracy   runs   seconds",
        "lora     0.01   5.0 % ± 7.1 %      2        10",
    ]
    assert capsys.readouterr().err.splitlines() == [
        "2 trials: 0 finished, 0 failed, 2 to train",
        "2 runs: 0 finished, 0 failed, 2 to train",
    ]
    engine.given.clear()
    assert sweep([choosing(decide=(5,), compare=(0, 1))], tmp_path, engine) == told
    assert engine.given == []
    assert capsys.readouterr().err.splitlines() == [
        "2 trials: 2 finished, 0 failed, 0 to train",
        "2 runs: 2 finished, 0 failed, 0 to train",
    ]


def test_the_trials_of_all_entries_come_before_any_compared_run(choosing, tmp_path, engine):
    entries = [
        choosing("small", rates=(1e-3,), decide=(5,), compare=(0,)),
        choosing("large", rates=(1e-2,), decide=(5,), compare=(0,)),
    ]
    sweep(entries, tmp_path, engine)
    assert engine.given == [DECIDE, ["rate_0.001-seed_0", "rate_0.01-seed_0"]]


def test_runs_that_decide_and_are_compared_are_trained_once(choosing, tmp_path, engine, capsys):
    sweep([choosing(decide=(0, 1), compare=(0, 1, 2))], tmp_path, engine)
    assert engine.given == [
        [f"rate_{rate}-seed_{seed}" for rate in ("0.001", "0.01") for seed in (0, 1)],
        ["rate_0.01-seed_2"],
    ]
    assert "3 runs: 2 finished, 0 failed, 1 to train\n" in capsys.readouterr().err
    engine.given.clear()
    sweep([choosing(decide=(0,), compare=(0,))], tmp_path / "one", engine)
    assert engine.given == [["rate_0.001-seed_0", "rate_0.01-seed_0"]]


@pytest.mark.parametrize(("stops_after", "left"), [(0, DECIDE), (1, DECIDE[1:])])
def test_a_sweep_that_is_stopped_among_the_trials_goes_on_with_them(
    choosing, tmp_path, engine, stops_after, left
):
    entry = choosing(decide=(5,), compare=(0,))
    engine.stops_after = stops_after
    with pytest.raises(FolderError):
        sweep([entry], tmp_path, engine)
    assert engine.given == [DECIDE]
    engine.given.clear()
    engine.stops_after = None
    sweep([entry], tmp_path, engine)
    assert engine.given == [left, ["rate_0.01-seed_0"]]


def test_a_sweep_that_is_stopped_between_trials_and_runs_goes_on_with_the_runs(choosing, tmp_path, engine):
    entry = choosing(decide=(5,), compare=(0, 1))
    engine([run for runs in entry.trials.values() for run in runs], Store(tmp_path / "out"), label="swept")
    engine.given.clear()
    sweep([entry], tmp_path, engine)
    assert engine.given == [["rate_0.01-seed_0", "rate_0.01-seed_1"]]


def test_failed_trials_are_left_until_they_are_tried_again_and_may_choose_another_value(
    choosing, tmp_path, engine
):
    entry = choosing(decide=(5,), compare=(0,))
    engine.fails = {"rate_0.01-seed_5"}
    told = sweep([entry], tmp_path, engine)
    assert engine.given == [DECIDE, ["rate_0.001-seed_0"]]
    assert "failed: rate_0.01-seed_5: ValueError: no" in told
    engine.given.clear()
    assert sweep([entry], tmp_path, engine) == told
    assert engine.given == []
    engine.fails = set()
    told = sweep([entry], tmp_path, engine, retry=True)
    assert engine.given == [["rate_0.01-seed_5"], ["rate_0.01-seed_0"]]
    assert told.splitlines() == [
        "       chosen   accuracy   runs   seconds",
        "lora     0.01      0.0 %      1        10",
    ]


def test_nothing_is_compared_where_every_trial_fails(choosing, tmp_path, engine):
    engine.fails = set(DECIDE)
    told = sweep([choosing(decide=(5,), compare=(0, 1))], tmp_path, engine)
    assert engine.given == [DECIDE]
    assert told.splitlines()[-1] == "2 runs have failed; --retry tries again."


def test_data_are_looked_at_for_what_may_still_be_trained(choosing, tmp_path, engine, monkeypatch):
    entry = choosing(decide=(5,), compare=(0,))
    looked = []

    def look(configs):
        looked.append({config.name for config in configs})
        if len(looked) == 1:
            raise DataError("data are not there")

    monkeypatch.setattr(run, "require_data", look)
    with pytest.raises(DataError):
        sweep([entry], tmp_path, engine)
    assert (looked, engine.given) == ([{config.name for config in entry.configs()}], [])
    told = sweep([entry], tmp_path, engine)
    assert sweep([entry], tmp_path, engine) == told
    assert looked[2] == set()


def test_reasons_of_failures_are_kept_where_the_data_are_not_there(choosing, tmp_path, engine, monkeypatch):
    entry, store = choosing(decide=(5,), compare=(0,)), Store(tmp_path / "out")
    lost = [*entry.trials[1e-3], *entry.finals[1e-2]]
    engine.fails = {run.name for run in lost}
    sweep([entry], tmp_path, engine)
    looked = []

    def look(configs):
        looked.extend(config.name for config in configs)
        raise DataError("the model is not there")

    monkeypatch.setattr(run, "require_data", look)
    with pytest.raises(DataError):
        sweep([entry], tmp_path, engine, retry=True)
    assert set(looked) == {config.name for config in entry.configs() if not store.has(config)}
    assert {store.failure(config) for config in lost} == {"ValueError: no"}
