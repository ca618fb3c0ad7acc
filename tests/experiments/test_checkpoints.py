"""Which checkpoints count, and a run that goes on from one."""

import json
from dataclasses import replace

import pytest
import yaml

from adalora import ConfigError
from experiments import files
from experiments.checkpoints import cut_records, newest
from experiments.train import train
from tests.experiments.resume import same, stopped

TRAINING = {"max_steps": 9, "batch_size": 4, "log_every": 3, "save_every": 3}


def mark(folder, step, text=None):
    place = folder / f"checkpoint-{step}"
    place.mkdir()
    (place / "whole.json").write_text(json.dumps({"step": step, "seconds": 2.5}) if text is None else text)


def test_the_newest_whole_checkpoint_counts(tmp_path):
    assert newest(tmp_path) is None
    (tmp_path / "checkpoint-90").mkdir()  # a crash before the mark
    mark(tmp_path, 9)
    mark(tmp_path, 12)
    mark(tmp_path, 30, "{")
    mark(tmp_path, 40, '{"step": 4, "seconds": 1}')
    mark(tmp_path, 50, "[]")
    found = newest(tmp_path)
    assert (found.folder, found.step, found.seconds) == (tmp_path / "checkpoint-12", 12, 2.5)


def test_what_was_written_behind_a_checkpoint_is_taken_back(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"step": 1, "loss": 2}\n{"step": 3}\n{"step": 4}\n{"step": 2, "lo')
    cut_records([path, tmp_path / "none.jsonl"], 3)
    assert path.read_text() == '{"step": 1, "loss": 2}\n{"step": 3}\n'
    cut_records([path], 0)
    assert path.read_text() == ""


def test_a_stopped_run_goes_on_and_ends_as_one_that_was_not(config, tmp_path, monkeypatch):
    whole = config(training=TRAINING, output_dir=str(tmp_path / "whole"))
    other = config(training=TRAINING, output_dir=str(tmp_path / "other"))
    results = train(whole)
    stopped(other, "AdaLoRA", 8, monkeypatch)
    workshop = files.workshop_of(other)
    baselines = json.loads((workshop / files.BASELINES).read_text())
    assert [line["label"] for line in baselines] == ["head only"]
    again = train(replace(other, resume=True))
    assert [line.scores for line in again.lines] == [line.scores for line in results.lines]
    assert again.lines[1].seconds == baselines[0]["seconds"]  # it was not trained again
    assert again.rank == results.rank
    same(files.path_of(whole), files.path_of(other))
    assert not workshop.exists()
    assert not (files.path_of(other) / files.BASELINES).exists()


def test_what_cannot_go_on_is_named(config, monkeypatch, untouched):
    settings = config(training=TRAINING)
    resumed = replace(settings, resume=True)
    with pytest.raises(
        ConfigError, match=r"resume is true, but .*\.tiny\.unfinished holds no unfinished run of"
    ):
        train(resumed)
    stopped(settings, "AdaLoRA", 2, monkeypatch)  # before the first checkpoint
    workshop = files.workshop_of(settings)
    before = untouched(workshop)
    with pytest.raises(
        ConfigError, match=r"has no whole checkpoint \(training.save_every is 3\); set overwrite"
    ):
        train(resumed)
    with pytest.raises(
        ConfigError, match=r"has other settings: training.batch_size 4 → 2, seed 0 → 3; allowed: "
    ):
        train(replace(resumed, seed=3, training=replace(resumed.training, batch_size=2)))
    assert untouched(workshop) == before
    with pytest.raises(ConfigError, match="overwrite is True; allowed: false with resume: true"):
        replace(resumed, overwrite=True)
    (workshop / files.CONFIG).write_text("- a\n")
    with pytest.raises(ConfigError, match="has other settings: name None → 'tiny', "):
        train(resumed)


def test_a_finished_run_is_not_gone_on_with(config):
    settings = config(training={**TRAINING, "max_steps": 3}, baseline={"head": False}, method="lora")
    train(settings)
    assert yaml.safe_load((files.path_of(settings) / files.CONFIG).read_text())["resume"] is False
    with pytest.raises(ConfigError, match="holds a finished run of that name"):
        train(replace(settings, resume=True))
