"""Files that are whole or not there: several written together, and safe reading."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .errors import CheckpointError

Writer = Callable[[Path], None]


def json_writer(value: Any) -> Writer:
    """Return a writer of ``value`` as readable JSON."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return write


def tensor_writer(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Writer:
    """Return a writer of ``tensors`` as a safetensors file."""
    # Clones, because the format refuses tensors that share memory.
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}

    def write(path: Path) -> None:
        save_file(copies, path, dict(metadata))

    return write


def write_together(folder: Path, files: Mapping[str, Writer]) -> None:
    """Write ``files`` into ``folder``: all of them beside first, then each is renamed into place, in order.

    Raises:
        CheckpointError: a file could not be written; the previous files are whole and nothing is left over.
    """
    beside = {name: folder / f".{name}.{os.getpid()}.tmp" for name in files}
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, write in files.items():
            write(beside[name])
            _flush(beside[name])
        for name, path in beside.items():
            path.replace(folder / name)
    except BaseException as error:
        for path in beside.values():
            with suppress(OSError):
                path.unlink()
        if made and folder.is_dir():
            folder.rmdir()
        if not isinstance(error, (OSError, SafetensorError)):
            raise
        raise CheckpointError(
            f"could not write to {folder}: {error}. The previous files there, if any, are whole."
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        CheckpointError: the file is missing or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path} does not exist; give a folder that adalora.save has written."
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read as JSON: {error}. The file is damaged or not ours."
        ) from error
    if not isinstance(value, dict):
        raise CheckpointError(
            f"{path} holds a {type(value).__name__} where an object is expected; it is not ours."
        )
    return value


def read_tensors_file(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read every tensor of a safetensors file, and its metadata.

    Raises:
        CheckpointError: the file is missing, truncated, or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist; the folder is incomplete.") from error
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path} is truncated or not a safetensors file: {error}. Take another copy of it."
        ) from error


def _flush(path: Path) -> None:
    # Without this a power cut after the rename could leave an empty file of the right name.
    with path.open("rb") as file:
        os.fsync(file.fileno())
