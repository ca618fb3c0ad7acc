"""Files that are whole or not there."""

import os

import pytest
import torch
from safetensors.torch import load_file

from adalora.errors import CheckpointError
from adalora.files import json_writer, read_json, read_tensors_file, tensor_writer, write_together


def test_nothing_is_replaced_before_everything_is_written(tmp_path):
    (tmp_path / "a.json").write_text("old")
    seen = []

    def failing(path):
        seen.append((tmp_path / "a.json").read_text())
        raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match="No space left on device"):
        write_together(tmp_path, {"a.json": json_writer({"new": 1}), "b": failing})
    assert seen == ["old"]
    assert {path.name for path in tmp_path.iterdir()} == {"a.json"}
    assert (tmp_path / "a.json").read_text() == "old"


def test_an_interrupt_leaves_nothing_behind_either(tmp_path):
    def interrupted(path):
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_together(tmp_path / "new", {"a": interrupted})
    assert not (tmp_path / "new").exists()


def test_round_trip_of_names_that_are_not_ascii(tmp_path):
    folder = tmp_path / "a folder with ümläuts"
    value = {"λ": [1, 2.5, None], "name": "θ"}
    tensors = {"P": torch.randn(3, 2).t(), "mask": torch.tensor([True, False])}
    write_together(
        folder, {"a.json": json_writer(value), "t.safetensors": tensor_writer(tensors, {"k": "v"})}
    )
    assert read_json(folder / "a.json") == value
    read, metadata = read_tensors_file(folder / "t.safetensors")
    assert metadata == {"k": "v"}
    assert all(torch.equal(read[key], tensors[key]) for key in tensors)
    assert load_file(folder / "t.safetensors").keys() == tensors.keys()


def test_tensors_that_share_memory_are_written_apart(tmp_path):
    whole = torch.arange(6.0)
    write_together(tmp_path, {"t": tensor_writer({"a": whole, "b": whole[2:]}, {})})
    assert read_tensors_file(tmp_path / "t")[0]["b"].tolist() == [2, 3, 4, 5]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CheckpointError, match="could not write to"):
        write_together(tmp_path / "x", {"a": json_writer({})})


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(CheckpointError, match=r"could not write to .*x"):
        write_together(tmp_path / "x", {"a": json_writer({})})
    assert (tmp_path / "x").read_text() == ""
