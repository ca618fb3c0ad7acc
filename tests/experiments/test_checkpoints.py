"""Which checkpoints count, and a run that goes on from one."""

import json
import math
import shutil
from dataclasses import replace

import pytest
import yaml
from safetensors.torch import load_file, save_file

from adalora import CheckpointError, ConfigError
from experiments import files
from experiments.checkpoints import cut_records, newest
from experiments.train import train
from tests.experiments import tiny
from tests.experiments.resume import same, stopped

TRAINING = {"max_steps": 9, "batch_size": 4, "log_every": 3, "save_every": 3}


def mark(folder, step, text=None):
    place = folder / f"checkpoint-{step}"
    place.mkdir()
    (place / "optimizer.pt").write_text("four")
    whole = {"step": step, "seconds": 2.5, "files": {"optimizer.pt": 4}}
    (place / "whole.json").write_text(json.dumps(whole) if text is None else text)


def test_the_newest_whole_checkpoint_counts(tmp_path):
    assert newest(tmp_path) is None
    (tmp_path / "checkpoint-90").mkdir()  # a crash before the mark
    mark(tmp_path, 9)
    mark(tmp_path, 12)
    mark(tmp_path, 30, "{")
    mark(tmp_path, 40, '{"step": 4, "seconds": 1, "files": {"optimizer.pt": 4}}')
    mark(tmp_path, 60, '{"step": 60, "seconds": 1, "files": {"optimizer.pt": 5}}')
    mark(tmp_path, 70, '{"step": 70, "seconds": 1, "files": {"optimizer.pt": 4, "rng_state.pth": 9}}')
    mark(tmp_path, 50, "[]")
    found = newest(tmp_path)
    assert (found.folder, found.step, found.seconds) == (tmp_path / "checkpoint-12", 12, 2.5)


def test_what_was_written_behind_a_checkpoint_is_taken_back(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"step": 1, "loss": 2}\n{"step": 3}\n{"step": 4}\n{"step": 2, "train_runtime": 1}\n{"step": 2, "lo'
    )
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
    baselines = json.loads((workshop / files.SITTING).read_text())["baselines"]
    assert [line["label"] for line in baselines] == ["head only"]
    again = train(replace(other, resume=True))
    assert [line.scores for line in again.lines] == [line.scores for line in results.lines]
    assert again.lines[1].seconds == baselines[0]["seconds"]  # it was not trained again
    assert again.rank == results.rank
    same(files.path_of(whole), files.path_of(other))
    assert not workshop.exists()
    assert not (files.path_of(other) / files.SITTING).exists()


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


def test_norms_that_are_stored_under_old_names_come_back(config, bert, tmp_path, monkeypatch):
    folder = tmp_path / "old"
    shutil.copytree(bert, folder)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    tensors = load_file(folder / "model.safetensors")
    for new, name in old.items():
        tensors = {key.replace(new, name): value for key, value in tensors.items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    whole, other = (
        config(method="full", model=str(folder), training=TRAINING, output_dir=str(tmp_path / name))
        for name in ("whole", "other")
    )
    train(whole)
    stopped(other, "full fine-tuning", 5, monkeypatch)
    train(replace(other, resume=True))
    same(files.path_of(whole), files.path_of(other))


def test_a_run_that_fell_in_its_measurement_is_measured_and_not_trained_further(
    config, tmp_path, monkeypatch
):
    whole, other = (
        config(
            training={**TRAINING, "lr_schedule": "constant"},
            output_dir=str(tmp_path / name),
            baseline={"head": False},
        )
        for name in ("whole", "other")
    )
    results = train(whole)
    with monkeypatch.context() as patch:
        patch.setattr("experiments.fit._measure", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(other)
    again = train(replace(other, resume=True))
    assert again.lines[-1].steps == results.lines[-1].steps == 9
    assert again.lines[-1].scores == results.lines[-1].scores
    assert again.rank == results.rank
    same(files.path_of(whole), files.path_of(other))


def test_a_run_that_may_replace_another_may_still_do_so(config, monkeypatch):
    settings = config(training=TRAINING, baseline={"head": False}, method="lora")
    train(settings)
    stopped(replace(settings, overwrite=True), "LoRA", 5, monkeypatch)
    train(replace(settings, resume=True))
    assert not files.workshop_of(settings).exists()


def test_other_rows_or_a_damaged_file_are_refused(config, opinions, monkeypatch):
    settings = config(training=TRAINING)
    stopped(settings, "AdaLoRA", 5, monkeypatch)
    left = files.workshop_of(settings) / files.SITTING
    text = left.read_text()
    left.write_text(text[:-20])
    with pytest.raises(CheckpointError, match=r"sitting.json is damaged: .*; set overwrite: true"):
        train(replace(settings, resume=True))
    left.write_text(text.replace('"accuracy": ', '"accuracy": null, "f1": '))
    tiny.write_split(opinions, "train", tiny.opinions(32, start=1))
    with pytest.raises(
        ConfigError, match="the training rows are others than those that the run was begun with"
    ):
        train(replace(settings, resume=True))
    tiny.write_split(opinions, "train", tiny.opinions(32))
    (head,) = [line for line in train(replace(settings, resume=True)).lines if line.label == "head only"]
    assert math.isnan(head.scores["validation"]["accuracy"])
