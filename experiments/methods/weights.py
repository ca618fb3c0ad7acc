"""Methods that train weights of the model itself: all of them, or some, with nothing put on."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import TrainerCallback

import adalora
from adalora.candidates import is_under
from adalora.files import read_tensors_file, tensor_shapes
from adalora.targets import find_targets

from ..config import RunConfig
from .stacks import stacks

_TOP = 2  # of FT-Top2


@dataclass(frozen=True)
class Weights:
    """What was trained, as a file of tensors under the names that they have in the model.

    Args:
        file: its name in the folder of a run.
    """

    file: str

    def save(self, model: nn.Module, _: list[TrainerCallback], folder: Path) -> None:
        """Write every parameter that requires a gradient; a shared one once."""
        trained = {
            name: p.detach().cpu().contiguous() for name, p in model.named_parameters() if p.requires_grad
        }
        save_file(trained, folder / self.file)

    def load(self, model: nn.Module, folder: Path) -> None:
        """Copy into a model what `save` wrote.

        Raises:
            CheckpointError: the file is not there or damaged, or holds a tensor that the model does not have
                in this shape. The model is unchanged.
        """
        path = folder / self.file
        own = dict(model.named_parameters())
        for name, shape in tensor_shapes(path).items():
            if name not in own or own[name].shape != shape:
                there = f"has it as {tuple(own[name].shape)}" if name in own else "has no such weight"
                raise adalora.CheckpointError(
                    f"{path} holds {name!r} of shape {shape}, but the model {there}; give the "
                    f"model that was trained, with the same head."
                )
        found = read_tensors_file(path)
        for name, tensor in found.items():
            if not tensor.is_floating_point():
                raise adalora.CheckpointError(f"{path} holds {name!r} of type {tensor.dtype}, not of floats.")
        with torch.no_grad():
            for name, tensor in found.items():
                own[name].copy_(tensor)


def free_all(_: nn.Module, __: RunConfig) -> list[TrainerCallback]:
    """Leave the model as it comes: what its makers keep fixed, such as sinusoidal positions, stays so."""
    return []


def free_top(model: nn.Module, config: RunConfig) -> list[TrainerCallback]:
    """Free the last two transformer layers and the head; of an encoder with a decoder, the decoder's.

    Raises:
        ConfigError: the model has no such layers.
        TargetError: a name in the settings matches nothing.
    """
    found = stacks(model)
    if not found:
        raise adalora.ConfigError(
            "method is 'ft-top2', but the model has no list of layers with an attention in each; allowed: "
            "transformers, or another method."
        )
    freeze_all_but_the_head(model, config)
    for layer in found[-1][-_TOP:]:
        layer.requires_grad_(True)
    return []


def free_biases(model: nn.Module, config: RunConfig) -> list[TrainerCallback]:
    """Free every bias, those of norms too, and the head.

    Raises:
        ConfigError: the model has no biases.
        TargetError: a name in the settings matches nothing.
    """
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    if not biases:
        raise adalora.ConfigError(
            "method is 'bitfit', but no weight of the model is a bias; allowed: models with biases, or "
            "another method."
        )
    freeze_all_but_the_head(model, config)
    for bias in biases:
        bias.requires_grad_(True)
    return []


def free_head(model: nn.Module, config: RunConfig) -> list[TrainerCallback]:
    """Free ``adapter.train_modules`` alone.

    Raises:
        ConfigError: they are not named.
        TargetError: a name in the settings matches nothing.
    """
    if not config.adapter.train_modules:
        raise adalora.ConfigError(
            "adapter.train_modules is empty, so there is no head to train alone; allowed: the names of the "
            "modules that are new to the task, or baseline.head: false for a model that has none."
        )
    freeze_all_but_the_head(model, config)
    return []


def freeze_all_but_the_head(model: nn.Module, config: RunConfig) -> None:
    """Leave ``adapter.train_modules`` alone free.

    Raises:
        TargetError: a name in the settings matches nothing.
    """
    find_targets(model, config.adapter)  # raises where a name in the settings matches nothing
    model.requires_grad_(False)
    for name, module in model.named_modules():
        if is_under(name, config.adapter.train_modules):
            module.requires_grad_(True)
