"""Methods that put modules of their own on the model: checked, put on, trained, kept and put on again."""

import json
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import TrainerCallback

from adalora.errors import AdaLoRAError, CheckpointError
from adalora.files import reading, tensor_shapes
from adalora.foreign import parse_json
from adalora.targets import find_targets

from .. import files
from ..config import RunConfig
from .weights import Weights, freeze_all_but_the_head

_SETTINGS = "settings"  # in the header of the file
_FEW = 64  # a setting that takes no memory worth a look


@dataclass
class Put:
    """What was put on a model, and how to take it off again."""

    modules: list[nn.Module] = field(default_factory=list)
    undo: ExitStack = field(default_factory=ExitStack)

    def attach(self, parent: nn.Module, name: str, module: nn.Module) -> None:
        """Make ``module`` a child of ``parent``."""
        parent.add_module(name, module)
        self.modules.append(module)
        self.undo.callback(delattr, parent, name)

    def hook(self, handle: RemovableHandle) -> None:
        """Remember a hook."""
        self.undo.callback(handle.remove)

    def free(self) -> None:
        """Let the modules be trained."""
        for module in self.modules:
            module.requires_grad_(True)

    def take_off(self) -> None:
        """Leave the model as it was before."""
        self.undo.close()


@dataclass(frozen=True)
class Modules:
    """One kind of modules, as rows of the registry need it.

    Args:
        design: which of the kind; a file of another design is refused.
        part: the part of `RunConfig` that they read.
        kind: their class.
        put_on: (model, that part) -> what was put on; checks everything before it changes the model.
        settings: model -> the settings that rebuild what is on it.
    """

    design: str
    part: str
    kind: type[nn.Module]
    put_on: Callable[[nn.Module, Any], Put]
    settings: Callable[[nn.Module], Any]

    def prepare(self, model: nn.Module, config: RunConfig) -> list[TrainerCallback]:
        """Put the modules on, and leave nothing free but them and the head.

        Raises:
            ConfigError: they do not fit the model.
            TargetError: a name in the settings matches nothing.
        """
        find_targets(model, config.adapter)  # raises before anything is changed
        put = self.put_on(model, getattr(config, self.part))
        freeze_all_but_the_head(model, config)
        put.free()
        return []

    def save(self, model: nn.Module, _: list[TrainerCallback], folder: Path) -> None:
        """Write modules and head, and what it takes to rebuild them."""
        self._write(model, folder, [name for name, p in model.named_parameters() if p.requires_grad])

    def save_own(self, model: nn.Module, folder: Path) -> None:
        """Write the modules alone."""
        inside = {
            p for module in model.modules() if isinstance(module, self.kind) for p in module.parameters()
        }
        self._write(model, folder, [name for name, p in model.named_parameters() if p in inside])

    def _write(self, model: nn.Module, folder: Path, names: list[str]) -> None:
        tensors = {name: model.get_parameter(name).detach().cpu().contiguous() for name in names}
        about = {"design": self.design, **asdict(self.settings(model))}
        save_file(tensors, folder / files.TRAINED, {_SETTINGS: json.dumps(about)})

    def load(self, model: nn.Module, folder: Path) -> None:
        """Put on a model what `save` wrote.

        Raises:
            CheckpointError: the file is not there or damaged, is of another design, or does not fit the
                model, which is unchanged then.
        """
        self.restore(model, folder)

    def restore(self, model: nn.Module, folder: Path) -> Put:
        """Do what `load` does, and return what was put on."""
        path = folder / files.TRAINED
        settings, held = self._read(path, RunConfig.__dataclass_fields__[self.part].type)
        # What is put on takes memory before its numbers are looked for: the file has to hold as many.
        width = getattr(getattr(model, "config", None), "hidden_size", 1)
        numbers = sum(math.prod(shape) for shape in tensor_shapes(path).values())
        for name, value in asdict(settings).items():
            if value is not None and value > _FEW and value * width > numbers:
                raise CheckpointError(f"{path} says {name} = {value}, and has no numbers for that.")
        try:
            put = self.put_on(model, settings)
        except AdaLoRAError as error:
            raise CheckpointError(f"{path} does not fit the model: {error}") from error
        try:
            fresh = {p for module in put.modules for p in module.parameters()}
            missing = {name for name, p in model.named_parameters() if p in fresh} - held
            if missing:
                raise CheckpointError(
                    f"{path} lacks {min(missing)!r}; give the model that was trained, or another copy of it."
                )
            Weights(files.TRAINED).load(model, folder)
        except BaseException:
            put.take_off()
            raise
        return put

    def _read(self, path: Path, part: Any) -> tuple[Any, set[str]]:
        with reading(path), safe_open(path, "pt") as file:
            header, held = file.metadata() or {}, set(file.keys())
        try:
            about = parse_json(header[_SETTINGS])
            design = about.pop("design")
            if not all(value is None or type(value) is int for value in about.values()):
                raise TypeError(f"{about} are no numbers")
            settings = part(**about)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"{path} does not say how its modules are built: {error!r}. It is damaged, or of a method "
                f"without modules of its own."
            ) from error
        if design != self.design:
            raise CheckpointError(
                f"{path} holds the modules of {design!r}, where those of {self.design!r} are expected; load "
                f"it with the method that was trained."
            )
        return settings, held
