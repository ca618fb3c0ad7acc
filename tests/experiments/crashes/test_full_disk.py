"""A disk that is full when a checkpoint is due."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from adalora import CheckpointError
from experiments import files
from experiments.checkpoints import newest
from experiments.train import train
from tests.experiments.resume import same

TRAINING = {"max_steps": 6, "batch_size": 4, "log_every": 1, "save_every": 2}


@pytest.mark.parametrize("function", ["torch.save", "safetensors.torch.save_file"])
def test_the_path_and_the_space_are_told_and_the_run_goes_on(function, config, tmp_path, monkeypatch):
    whole = config(name="whole", training=TRAINING, baseline={"head": False})
    other = config(name="other", training=TRAINING, baseline={"head": False})
    train(whole)
    import transformers.trainer as module

    write = module.Trainer._save_checkpoint

    def full(self, *args, **words):
        if self.state.global_step == 4:
            place = Path(self.args.output_dir) / "checkpoint-4"
            place.mkdir()
            (place / "model.safetensors").write_bytes(b"half")
            error = OSError(28, "No space left on device")
            raise error if function == "torch.save" else RuntimeError("file write failed")
        return write(self, *args, **words)

    with monkeypatch.context() as patch:
        patch.setattr(module.Trainer, "_save_checkpoint", full)
        with pytest.raises(
            CheckpointError,
            match=r"checkpoint-4 cannot be written: .* needs about [\d,]+ bytes, and [\d,]+ are free",
        ):
            train(other)
    workshop = files.workshop_of(other)
    assert newest(workshop).step == 2
    assert not (workshop / "checkpoint-4").exists()
    shutil.copytree(
        workshop / "checkpoint-2", workshop / "checkpoint-5"
    )  # half of one, that a crash has left
    (workshop / "checkpoint-5" / "whole.json").unlink()
    train(replace(other, resume=True))
    same(files.path_of(whole), files.path_of(other))
