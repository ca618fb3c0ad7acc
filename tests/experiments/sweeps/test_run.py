"""What a sweep trains, skips, tries again and tells."""

from dataclasses import replace

import pytest

from experiments.sweeps import run
from experiments.sweeps.entries import Entry


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
