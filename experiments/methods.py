"""Methods: what is done to a pretrained model before it trains, and what is kept afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from safetensors.torch import save_file
from torch import nn
from transformers import TrainerCallback

import adalora
from adalora.candidates import is_under
from adalora.targets import find_targets

from . import files
from .checks import require, unknown
from .config import RunConfig


@dataclass(frozen=True)
class Method:
    """One way of training, a row of `METHODS`.

    Attributes:
        name: as configuration files say it.
        label: as tables and reports say it.
        resolve: settings -> those that it really takes; a `ConfigError` where one has no meaning for it.
        prepare: (model, settings) -> callbacks for the Trainer; changes the model in place.
        save: (model, callbacks, folder of the run) -> None; writes what was trained.
        ignored: parts of the settings that have no say.
    """

    name: str
    label: str
    resolve: Callable[[RunConfig], RunConfig]
    prepare: Callable[[nn.Module, RunConfig], list[TrainerCallback]]
    save: Callable[[nn.Module, list[TrainerCallback], Path], None]
    ignored: tuple[str, ...] = ()


def _with_triplets(config: RunConfig) -> RunConfig:
    if config.adapter.update != "svd":
        raise adalora.ConfigError(
            f"adapter.update is {config.adapter.update!r}, whose rank cannot adapt; allowed: 'svd', or "
            f"method: lora."
        )
    return config


def _inject(model: nn.Module, config: RunConfig) -> list[TrainerCallback]:
    adalora.inject(model, _with_triplets(config).adapter)
    return [adalora.AdaLoRACallback(config.allocation)]


def _with_lora(config: RunConfig) -> RunConfig:
    return replace(config, adapter=replace(config.adapter, update="lora"))


def _inject_lora(model: nn.Module, config: RunConfig) -> list[TrainerCallback]:
    adalora.inject(model, _with_lora(config).adapter)
    return []


def _save_adapter(model: nn.Module, callbacks: list[TrainerCallback], folder: Path) -> None:
    adalora.save(model, folder / files.ADAPTER, controller_of(callbacks))


def _without_factors(config: RunConfig) -> RunConfig:
    training = config.training
    why = "with method: head, which trains no factors"
    require(training.left_ratio == 1, "training.left_ratio", training.left_ratio, f"1 {why}")
    decay = training.factor_weight_decay
    require(decay is None, "training.factor_weight_decay", decay, f"null {why}")
    return config


def _free_head(model: nn.Module, config: RunConfig) -> list[TrainerCallback]:
    head = config.adapter.train_modules
    if not head:
        raise adalora.ConfigError(
            "adapter.train_modules is empty, so there is no head to train alone; allowed: the names of the "
            "modules that are new to the task, or baseline.head: false for a model that has none."
        )
    find_targets(model, config.adapter)  # raises where a name in the settings matches nothing
    model.requires_grad_(False)
    for name, module in model.named_modules():
        if is_under(name, head):
            module.requires_grad_(True)
    return []


def _save_head(model: nn.Module, _: list[TrainerCallback], folder: Path) -> None:
    trained = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters() if p.requires_grad}
    save_file(trained, folder / files.HEAD)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method("adalora", "AdaLoRA", _with_triplets, _inject, _save_adapter),
            Method("lora", "LoRA", _with_lora, _inject_lora, _save_adapter, ("allocation",)),
            Method("head", "head only", _without_factors, _free_head, _save_head, ("allocation",)),
        )
    }
)


def get(name: str) -> Method:
    """Return the method called ``name``.

    Raises:
        ConfigError: there is no such method.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]


def controller_of(callbacks: list[TrainerCallback]) -> adalora.AdaLoRAController | None:
    """Return the controller that a method's callbacks have made, once training has begun; else None."""
    return next((c.controller for c in callbacks if isinstance(c, adalora.AdaLoRACallback)), None)
