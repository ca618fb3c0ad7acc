"""Files that are whole or not there: a header that commits a save, and safe reading."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from .errors import CheckpointError
from .foreign import JSON_LIMIT, parse_json, read_text, require_regular

Writer = Callable[[Path], None]

_TYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL", "C64")


def json_writer(value: Any, *, compact: bool = False) -> Writer:
    """Return a writer of ``value`` as JSON: readable, or compact, which is written ten times as fast."""
    form: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 2}
    return text_writer(json.dumps(value, ensure_ascii=False, allow_nan=False, **form) + "\n")


def text_writer(text: str) -> Writer:
    """Return a writer of ``text`` as UTF-8."""

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return write


def tensor_writer(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Writer:
    """Return a writer of ``tensors`` as a safetensors file."""
    # Clones, because the format refuses tensors that share memory.
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}

    def write(path: Path) -> None:
        save_file(copies, path, None if metadata is None else dict(metadata))

    return write


def commit(folder: Path, data: Mapping[str, Writer], header: str, write_header: Writer) -> None:
    """Write data files, which no reader knows of yet, and then the header that names them.

    The header is written beside and renamed into place, so at every moment the folder holds one whole save:
    the previous one before the rename, the new one after it.

    Args:
        folder: where to write; made if it is not there.
        data: writers by file name; the names must be new.
        header: name of the header file.
        write_header: its writer.

    Raises:
        CheckpointError: a file could not be written; the previous files are whole and nothing is left over.
    """
    beside = _beside(folder, header)
    written = [*((folder / name, write) for name, write in data.items()), (beside, write_header)]
    new = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, write in written:
            write(path)
            flush(path)
        flush(folder)
    except BaseException as error:
        _remove([path for path, _ in written], new)
        if isinstance(error, OSError | SafetensorError):
            raise _failed(folder, error) from error
        raise
    # Apart from the writing: an interrupt just behind the rename must not remove what it has committed.
    try:
        beside.replace(folder / header)
    except OSError as error:
        _remove([path for path, _ in written], new)
        raise _failed(folder, error) from error
    with suppress(OSError):  # before the caller removes what the earlier header named
        flush(folder)


def require_place(folder: Path, header: str, *ours: str) -> None:
    """Check that files of one kind may be written to a folder.

    Args:
        folder: new, empty, or with an earlier save of that kind.
        header: name of the file by which such a save is known.
        ours: names of files that do not matter.

    Raises:
        CheckpointError: the folder holds something else, or is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"{folder} is a file; give a new or an empty folder.")
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    # What a process left behind that was killed while it wrote is nobody's.
    left = [name for name in there if name.startswith(".") and name.endswith(".tmp")]
    strange = [name for name in there if name not in (*left, *ours)]
    if strange and header not in there:
        raise CheckpointError(
            f"{folder} holds {', '.join(strange[:3])}{', …' if len(strange) > 3 else ''} and no {header}; "
            f"give a new or an empty folder, or one that was written before."
        )


def _beside(folder: Path, name: str) -> Path:
    """Return where a file is written before it takes its place."""
    return folder / f".{name}.{os.getpid()}.tmp"


def exchange(folder: Path, data: Mapping[str, Writer], header: str, write_header: Writer) -> None:
    """Write files whose names are given, in place of those that are there.

    All are written beside before any is replaced. A folder is known by its header, so the old one goes first
    and the new one comes last: between the two the folder is incomplete, and never a mixture.

    Args:
        folder: where to write; made if it is not there.
        data: writers by file name.
        header: name of the header file.
        write_header: its writer.

    Raises:
        CheckpointError: a file could not be written, and the previous ones are whole; or could not take its
            place, and the header is missing. The message says which.
    """
    writers = {**data, header: write_header}
    beside = {name: _beside(folder, name) for name in writers}
    new = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, write in writers.items():
            write(beside[name])
            flush(beside[name])
        (folder / header).unlink(missing_ok=True)
    except BaseException as error:
        _remove(list(beside.values()), new)
        if isinstance(error, OSError | SafetensorError):
            raise _failed(folder, error) from error
        raise
    try:
        for name, path in beside.items():
            path.replace(folder / name)
    except BaseException as error:
        if not (folder / header).exists():
            _remove([*beside.values(), *(folder / name for name in data)], new)
        if isinstance(error, OSError):
            raise CheckpointError(
                f"could not write to {folder}: {error}. What was there has no {header} any more; write it "
                f"again."
            ) from error
        raise
    with suppress(OSError):  # the names too; all is written by now
        flush(folder)


def _remove(files: list[Path], folders: list[Path]) -> None:
    for path in files:
        with suppress(OSError):
            path.unlink()
    for path in folders:
        with suppress(OSError):
            path.rmdir()


def _failed(folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"could not write to {folder}: {error}. The previous files there, if any, are whole."
    )


def read_json(path: Path, limit: int = JSON_LIMIT) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: of the file.
        limit: bytes that it may have.

    Raises:
        CheckpointError: the file is missing or holds something else.
    """
    try:
        value = parse_json(read_text(path, limit))
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


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every tensor in a safetensors file, without reading any.

    Raises:
        CheckpointError: the file is missing, truncated, or of another format, or holds numbers of a type that
            no adapter has.
    """
    shapes = {}
    with reading(path), safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118
            part = file.get_slice(name)
            if part.get_dtype() not in _TYPES:
                raise CheckpointError(f"{path}: {name!r} is of type {part.get_dtype()}; allowed: {_TYPES}.")
            shapes[name] = tuple(part.get_shape())
    return shapes


def read_tensors_file(path: Path) -> dict[str, Tensor]:
    """Read every tensor of a safetensors file. Its numbers take as much memory as the file has bytes.

    Raises:
        CheckpointError: the file is missing, truncated, or of another format, or holds numbers of a type that
            no adapter has.
    """
    tensor_shapes(path)
    with reading(path):
        return load_file(path)


def require_finite(key: str, tensor: Tensor) -> None:
    """Raise a `CheckpointError` if a tensor has a NaN or an infinite value."""
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise CheckpointError(f"tensor {key!r} has a NaN or an infinite value; take a healthy run instead.")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say in our own error what is wrong with a safetensors file that is read here.

    Raises:
        CheckpointError: the file is missing, truncated, or of another format.
    """
    try:
        require_regular(path)
        yield
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist; the folder is incomplete.") from error
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path} is truncated or not a safetensors file: {error}. Take another copy of it."
        ) from error


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, lie on the disk.

    Without this a power cut after a rename could leave an empty file of the right name.
    """
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
