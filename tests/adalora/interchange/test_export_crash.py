"""A crash or a full disk at every step of an export: the folder is whole, or it has no header and loads nowhere."""

import builtins
import copy
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.adalora.interchange.peft_side import (
    CONFIG,
    TENSORS,
    WRITTEN,
    assert_unchanged,
    contents,
    move,
    snapshot,
)

# Every way in which a file is written, moved or removed.
STEPS = (
    (os, "fsync"), (os, "replace"), (os, "rename"), (os, "unlink"), (os, "remove"), (os, "rmdir"), (os, "mkdir"),
    (Path, "write_text"), (Path, "write_bytes"), (shutil, "rmtree"), (shutil, "move"),
)  # fmt: skip


class Killed(BaseException):
    """The process ends here."""


class Disk:
    """Fails at the n-th step; after a kill every further step fails too, since nobody is there to take it."""

    def __init__(self, monkeypatch, folder, fails_at, kills):
        self.folder, self.fails_at, self.kills, self.step = str(folder), fails_at, kills, 0
        for owner, name in STEPS:
            monkeypatch.setattr(owner, name, self.watched(getattr(owner, name), name))
        for module in [one for key, one in sys.modules.items() if key.startswith("adalora")]:
            if hasattr(module, "save_file"):
                monkeypatch.setattr(module, "save_file", self.watched(module.save_file, "save_file"))
        monkeypatch.setattr(builtins, "open", self.watched(open, "open"))

    def watched(self, function, name):
        def step(*args, **kwargs):
            if name == "open" and not self.writes(*args, **kwargs):
                return function(*args, **kwargs)
            self.step += 1
            over = self.step > self.fails_at if self.kills else False
            if self.step == self.fails_at or over:
                if name in ("write_text", "write_bytes", "save_file") and not over:
                    self.half(args, name)
                raise Killed if self.kills else OSError(28, "No space left on device")
            return function(*args, **kwargs)

        return step

    def writes(self, file, mode="r", *args, **kwargs):
        return isinstance(file, str | Path) and str(file).startswith(self.folder) and set(mode) & set("wax+")

    @staticmethod
    def half(args, name):
        """Leave what a full disk leaves of a file."""
        path = Path(args[1] if name == "save_file" else args[0])
        if path.parent.is_dir():
            with path.open("ab") as file:
                file.write(b"half of a fi")


def exported_pair(folder):
    there = contents(folder) or {}
    return there.get(CONFIG), there.get(TENSORS)


def model_with(rank, alpha, seed):
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6)).requires_grad_(False)
    adalora.inject(model, AdapterConfig(rank=rank, alpha=alpha, target_modules=["0", "2"]))
    torch.manual_seed(seed)
    move(model)
    return model


OLD = (2, 4.0, 1)
# Of the same shapes nothing but the numbers tells a mixture; of other ones a loader would.
NEW = {"the same shapes": (2, 8.0, 2), "other shapes": (3, 4.0, 2)}


def count_steps(model, folder, monkeypatch):
    with monkeypatch.context() as patch:
        disk = Disk(patch, folder, fails_at=10**9, kills=False)
        adalora.export_peft(model, folder)
    return disk.step


@pytest.mark.parametrize("kills", [False, True], ids=["a step fails", "the process ends"])
@pytest.mark.parametrize("new", NEW.values(), ids=NEW)
def test_an_export_over_an_earlier_one_never_mixes_the_two(new, kills, tmp_path, monkeypatch):
    old_model, model = model_with(*OLD), model_with(*new)
    adalora.export_peft(old_model, tmp_path / "old")
    adalora.export_peft(model, tmp_path / "new")
    old, fresh = exported_pair(tmp_path / "old"), exported_pair(tmp_path / "new")
    assert old[0] is not None
    assert old[0] != fresh[0]
    assert old[1] != fresh[1]
    shutil.copytree(tmp_path / "old", tmp_path / "count")
    steps = count_steps(model, tmp_path / "count", monkeypatch)
    assert steps > 5
    assert exported_pair(tmp_path / "count") == fresh
    before, seen = snapshot(model), set()
    for step in range(1, steps + 1):
        folder = tmp_path / f"crash-{step}"
        shutil.copytree(tmp_path / "old", folder)
        error = None
        with monkeypatch.context() as patch:
            Disk(patch, folder, step, kills)
            try:
                adalora.export_peft(model, folder)
            except (adalora.CheckpointError, Killed) as caught:
                error = caught
        config, tensors = exported_pair(folder)
        assert config is None or (config, tensors) in (old, fresh), f"step {step}: a mixture"
        assert error is not None or (config, tensors) == fresh, f"step {step}: no error, and not written"
        if isinstance(error, adalora.CheckpointError) and (config, tensors) == fresh:
            assert "card" in str(error), f"step {step}: written, and an error that does not say so"
        seen.add("none" if config is None else "old" if config == old[0] else "new")
        assert_unchanged(model, before)
    assert "old" in seen


@pytest.mark.parametrize("kills", [False, True], ids=["a step fails", "the process ends"])
def test_a_first_export_is_whole_or_has_no_header(kills, tmp_path, monkeypatch):
    model = model_with(*OLD)
    adalora.export_peft(model, tmp_path / "whole")
    whole = exported_pair(tmp_path / "whole")
    steps = count_steps(model, tmp_path / "deep" / "count", monkeypatch)
    for step in range(1, steps + 1):
        folder = tmp_path / f"deep-{step}" / "folder"
        with monkeypatch.context() as patch:
            Disk(patch, folder.parent, step, kills)
            with suppress(adalora.CheckpointError, Killed):
                adalora.export_peft(model, folder)
        config, tensors = exported_pair(folder)
        assert config is None or (config, tensors) == whole, f"step {step}"
        if config is None and not kills:  # what an error could clean up, it has
            assert not folder.exists(), f"step {step}: {sorted(contents(folder))} are left over"


def test_after_a_full_disk_the_same_export_goes_through(tmp_path, monkeypatch):
    old_model, model = model_with(*OLD), model_with(*NEW["other shapes"])
    adalora.export_peft(old_model, tmp_path / "old")
    adalora.export_peft(model, tmp_path / "new")
    shutil.copytree(tmp_path / "old", tmp_path / "count")
    for step in range(1, count_steps(model, tmp_path / "count", monkeypatch) + 1):
        folder = tmp_path / f"crash-{step}"
        shutil.copytree(tmp_path / "old", folder)
        with monkeypatch.context() as patch:
            Disk(patch, folder, step, kills=False)
            with suppress(adalora.CheckpointError):
                adalora.export_peft(model, folder)
        adalora.export_peft(copy.deepcopy(model), folder)
        assert exported_pair(folder) == exported_pair(tmp_path / "new")
        assert sorted(contents(folder)) == WRITTEN, f"step {step}: files are left over"
