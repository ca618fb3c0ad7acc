"""Files that are whole or not there."""

import os
from pathlib import Path

import pytest
import torch

from adalora.errors import CheckpointError
from adalora.files import commit, json_writer, read_json, read_tensors_file, tensor_writer


def failing(error):
    def write(path):
        path.write_text("half")
        raise error

    return write


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("data", "head"), [(failing(FULL), json_writer({})), (json_writer({}), failing(FULL))]
)
def test_a_failed_write_leaves_what_was_there(tmp_path, data, head):
    commit(tmp_path, {"one": json_writer({"old": 1})}, "header", json_writer({"names": "one"}))
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match="No space left on device"):
        commit(tmp_path, {"ok": json_writer({}), "two": data}, "header", head)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), FULL])
def test_a_folder_that_was_made_for_nothing_goes_away(tmp_path, error):
    with pytest.raises((KeyboardInterrupt, CheckpointError)):
        commit(tmp_path / "a/b", {"x": failing(error)}, "header", json_writer({}))
    assert list(tmp_path.iterdir()) == []


def test_the_header_comes_into_place_after_everything_else(tmp_path):
    seen = []

    def write_header(path):
        seen.extend(path.name for path in tmp_path.iterdir())
        path.touch()

    commit(tmp_path, {"x": lambda path: path.touch()}, "header", write_header)
    assert seen == ["x"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["header", "x"]


def test_an_interrupt_behind_the_rename_leaves_the_new_save_whole(tmp_path, monkeypatch):
    rename = Path.replace

    def interrupted(self, target):
        rename(self, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        commit(tmp_path, {"x": json_writer({"new": 1})}, "header", json_writer({"names": "x"}))
    assert read_json(tmp_path / "header") == {"names": "x"}
    assert read_json(tmp_path / "x") == {"new": 1}


def test_round_trip_of_names_that_are_not_ascii(tmp_path):
    folder = tmp_path / "a folder with ümläuts"
    value = {"λ": [1, 2.5, None], "name": "θ"}
    tensors = {"P": torch.randn(3, 2).t(), "mask": torch.tensor([True, False])}
    commit(folder, {"t.safetensors": tensor_writer(tensors)}, "a.json", json_writer(value))
    assert read_json(folder / "a.json") == value
    read = read_tensors_file(folder / "t.safetensors")
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[key], tensors[key]) for key in tensors)


def test_tensors_that_share_memory_are_written_apart(tmp_path):
    whole = torch.arange(6.0)
    commit(tmp_path, {"t": tensor_writer({"a": whole, "b": whole[2:]})}, "header", json_writer({}))
    assert read_tensors_file(tmp_path / "t")["b"].tolist() == [2, 3, 4, 5]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CheckpointError, match="could not write to"):
        commit(tmp_path / "x", {}, "a", json_writer({}))


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(CheckpointError, match=r"could not write to .*x"):
        commit(tmp_path / "x", {}, "a", json_writer({}))
    assert (tmp_path / "x").read_text() == ""
