"""Folders that earlier commits have written: f97fad8 (version 1), cbb2d3c (2) and 8a26d3d (3)."""

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch

import adalora
from adalora import AdaLoRAController, AllocationConfig
from adalora.header import VERSION
from tests.models import mlp, mlp_batches

OLDER = Path(__file__).parent / "older"
FOLDERS = sorted(OLDER.iterdir())
ALLOCATION = AllocationConfig(
    target_rank=2, total_steps=12, warmup_steps=2, final_steps=4, interval=2, orthogonality=0.1
)


def base():
    """Return the model on which they were trained."""
    model = mlp()
    for name, parameter in model.named_parameters():
        generator = torch.Generator().manual_seed(len(name))
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 3
    return model


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_older_folder_is_read_and_its_run_goes_on(folder):
    assert json.loads((folder / "adapter.json").read_text())["version"] == int(folder.name[-1]) < VERSION
    model = adalora.load(base(), folder)
    x, y = next(mlp_batches(1))
    assert model(x, y).item() == pytest.approx(1.4827093, abs=1e-7)  # as their commits said when they saved
    controller = AdaLoRAController(model, ALLOCATION)
    with warnings.catch_warnings():  # settings that the older ones did not have are named
        warnings.simplefilter("ignore")
        adalora.load(model, folder, controller)
    assert controller.step == 10
    assert controller.ranks() == {"up": 1, "down": 3}
    assert [(row.step, row.budget) for row in controller.history] == [(0, 8), (4, 5), (6, 4), (8, 4)]
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    controller.attach(optimizer)
    for x, y in mlp_batches(2):
        model(x, y).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert controller.step == 12
    assert controller.budget == 4


def test_each_version_before_this_one_is_there():
    assert [folder.name for folder in FOLDERS] == [f"version-{number}" for number in range(1, VERSION)]


def test_a_newer_folder_is_refused_by_name(tmp_path):
    folder = shutil.copytree(FOLDERS[-1], tmp_path / "newer")
    header = json.loads((folder / "adapter.json").read_text())
    (folder / "adapter.json").write_text(json.dumps(header | {"version": VERSION + 1}))
    model = base()
    with pytest.raises(
        adalora.CheckpointError, match=rf"version {VERSION + 1}; this adalora reads .*1 to {VERSION}"
    ):
        adalora.load(model, folder)
    assert not adalora.adapters(model)
