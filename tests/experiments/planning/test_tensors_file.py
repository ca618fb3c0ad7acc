"""The size of a file before it is there."""

import torch
from safetensors.torch import save_file

from experiments.planning.tensors_file import file_bytes


def test_it_is_that_of_the_file(tmp_path):
    tensors = {
        f"model.layers.{number}.{name}": torch.zeros(shape, dtype=dtype)
        for number in range(30)
        for name, shape, dtype in (
            ("P", (7, 3), torch.float32),
            ("lam", (3,), torch.float32),
            ("mask", (3,), torch.bool),
            ("count", (), torch.int64),
            ("half", (2, 5), torch.bfloat16),
        )
    }
    save_file(tensors, tmp_path / "file.safetensors")
    found = (tmp_path / "file.safetensors").stat().st_size
    assert file_bytes({name: (t.shape, t.dtype) for name, t in tensors.items()}) == found


def test_an_empty_one_is_a_header(tmp_path):
    save_file({}, tmp_path / "file.safetensors")
    assert file_bytes({}) == (tmp_path / "file.safetensors").stat().st_size
