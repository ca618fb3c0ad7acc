"""The pretrained weights of a model folder, found by module name and read one at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModel
from transformers.pytorch_utils import Conv1D
from transformers.utils import cached_file

from adalora import CheckpointError
from adalora.files import tensor_shapes
from adalora.foreign import JSON_LIMIT, parse_json, read_text

from ..arrays import Array
from ..records import BaseWeight
from .tensors import double, reader_of

_INDEX, _SINGLE = "model.safetensors.index.json", "model.safetensors"


@dataclass(frozen=True)
class Weights:
    """The tensors of a base model.

    Attributes:
        place: the folder, as a person would name it.
        files: the file of each tensor, by name.
        shapes: shape of each tensor.
        folder: where ``config.json`` lies.
    """

    place: str
    files: dict[str, Path]
    shapes: dict[str, tuple[int, ...]]
    folder: Path

    def of(self, module: str, shape: tuple[int, int], transposed: bool | None = None) -> BaseWeight:
        """Return the weight of a module, which may hang under a longer or a shorter name in the file.

        Args:
            module: dotted name in the model that was adapted.
            shape: (d₁, d₂).
            transposed: whether it lies as d₂ × d₁; None where nobody knows.
        """
        names = self._names(module)
        if len(names) != 1:
            what = (
                f"{len(names)} tensors that it could be ({', '.join(names[:3])})"
                if names
                else "no such tensor"
            )
            return BaseWeight(missing=f"{self.place} has {what}")
        name, found = names[0], self.shapes[names[0]]
        d1, d2 = shape
        straight = len(found) > 0 and found[0] == d1 and _size(found) == d1 * d2
        if found == (d2, d1) and (
            d1 != d2 or (self._is_transposed(module) if transposed is None else transposed)
        ):
            return BaseWeight(lambda: _read(self.files[name], name).T)
        if straight:
            return BaseWeight(lambda: _read(self.files[name], name).reshape(shape))
        return BaseWeight(missing=f"{name} in {self.place} has shape {found}, the update {shape}")

    def _names(self, module: str) -> list[str]:
        """Return the tensors that a module's weight may be: of the longest common end, whole components."""
        parts = module.split(".")
        for begin in range(len(parts)):
            key = ".".join(parts[begin:]) + ".weight"
            if key in self.shapes:
                return [key]
            longer = [name for name in self.shapes if name.endswith("." + key)]
            # A short end such as "query.weight" is of many layers, and of none in particular.
            if longer and (begin == 0 or len(longer) == 1):
                return longer
        return []

    def _is_transposed(self, module: str) -> bool:
        """Ask the model itself, built without memory: a square weight does not show how it lies."""
        return any(_ends_alike(name, module) for name in self._transposed_modules)

    @cached_property
    def _transposed_modules(self) -> list[str]:
        with torch.device("meta"):
            model = AutoModel.from_config(AutoConfig.from_pretrained(self.folder, trust_remote_code=False))
        return [name for name, layer in model.named_modules() if isinstance(layer, Conv1D)]


def find_weights(base_model: str) -> Weights | str:
    """Return the tensors of a model folder or of a model in the hub's cache; or why there are none."""
    if not base_model:
        return "the adapter does not name its base model"
    try:
        folder = _folder(base_model)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        return f"{base_model} is no folder, and is not in the hub's cache ({reason})"
    try:
        files = _files(folder)
        shapes = {
            name: shape for path in sorted(set(files.values())) for name, shape in tensor_shapes(path).items()
        }
    except (AttributeError, CheckpointError, OSError, ValueError, KeyError, TypeError) as error:
        return f"{folder} cannot be read: {str(error).rstrip('.')}"
    if not files:
        return f"{folder} holds no {_SINGLE} and no {_INDEX}"
    return Weights(str(folder), {name: files[name] for name in shapes if name in files}, shapes, folder)


def finder(base_model: str) -> Callable[..., BaseWeight]:
    """Return what finds the pretrained weight of a module, see `Weights.of`; the files are looked at now."""
    found = find_weights(base_model)
    if isinstance(found, Weights):
        return found.of
    return lambda *_, **__: BaseWeight(missing=found)


def _folder(base_model: str) -> Path:
    if Path(base_model).is_dir():
        return Path(base_model)
    for name in (_INDEX, _SINGLE):
        # Never the network: analysis of a folder must not begin a download.
        found = cached_file(
            base_model, name, local_files_only=True, _raise_exceptions_for_missing_entries=False
        )
        if found:
            return Path(found).parent
    raise OSError("no safetensors file of it")


def _files(folder: Path) -> dict[str, Path]:
    if (folder / _INDEX).exists():
        index: dict[str, Any] = parse_json(read_text(folder / _INDEX, JSON_LIMIT))
        return {str(name): folder / Path(str(file)).name for name, file in index["weight_map"].items()}
    single = folder / _SINGLE
    return dict.fromkeys(tensor_shapes(single), single) if single.exists() else {}


def _read(path: Path, name: str) -> Array:
    return double(reader_of(path)(name))


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


def _ends_alike(first: str, second: str) -> bool:
    short, long = sorted((first, second), key=len)
    return long == short or long.endswith("." + short)
