"""Writing an adapter as a LoRA of the `peft` library."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ..candidates import base_of
from ..card import CARD, PICTURE, checked, is_ours, write_card
from ..checks import one_of, require
from ..config import AdapterConfig
from ..errors import StateError, TargetError
from ..files import exchange, json_writer, require_finite, require_place, tensor_writer
from ..header import Header
from ..injected import active_adapters, injected_configs, require_adapter
from ..layers import AdaptedLayer
from ..naming import anchored, exact_names
from ..products import Product, products
from ..switch import require_weights, weights_of
from ..targets import adaptable_shapes
from ..trained import require_alone, trained_modules, trained_tensors
from ..walk import base_name, walk
from .blocks import Block, blocks
from .folder import CONFIG, PREFIX, TENSORS

_FILES = (TENSORS, CARD, PICTURE)

Fold = Literal["left", "even"]


@dataclass(frozen=True)
class Exported:
    """What has been written.

    Attributes:
        files: bytes by file name.
        ranks: kept rank of each adapted module, by name; one of 0 is not in the file.
    """

    files: dict[str, int]
    ranks: dict[str, int]


def export_peft(
    model: nn.Module,
    folder: str | Path,
    name: str | Mapping[str, float] | None = None,
    *,
    fold: Fold = "left",
    pad: bool = False,
    metrics: Mapping[str, float] | None = None,
) -> Exported:
    """Write an adapter as a folder of fixed-rank LoRA that ``peft.PeftModel.from_pretrained`` loads.

    Pruned triplets and modules of rank 0 are left out; the ranks of the others stand in ``rank_pattern``.
    What a start from singular vectors has taken out of the base weights becomes components of its own, so
    that the folder fits the base model as it was.

    Args:
        model: a model with the adapter.
        folder: new, empty, or one with an earlier export, which is replaced.
        name: of the adapter; or weights by name, for the weighted sum of several; None for the one that is
            active.
        fold: where λ goes: ``"left"``, into B; ``"even"``, its root to either side.
        pad: give every module the highest rank, for servers that take one rank only.
        metrics: what the adapter has reached, finite numbers by name, for its model card.

    Returns:
        Files and ranks.

    Raises:
        ConfigError: ``fold`` is unknown, a metric is not finite, or a weight is not allowed, see
            `adalora.set_adapter`.
        StateError: the model has no adapter of that name, or several are active and no name is given, or
            nothing is left to export.
        TargetError: a layer has an update for which `peft` has no form.
        CheckpointError: the folder holds something else, a value is NaN or infinite, or a file could not be
            written. The model is unchanged in each case, and so is the folder but in the last one, where the
            message says what has become of it.
    """
    one_of("fold", fold, ("left", "even"))
    numbers = checked(metrics)
    weights = _asked_for(model, name)
    folder = Path(folder)
    require_place(folder, CONFIG, *(one for one in (CARD, PICTURE) if is_ours(folder / one)))
    found, trained = products(model, weights), _trained(model, weights)
    modules = dict(walk(model))
    _require_own_places(modules, found)
    written = _at_least_one(found, trained)
    parts = blocks(modules, written, _into_left if fold == "left" else _evenly)
    ranks, factors = _sizes(parts, pad)
    tensors = {
        key: tensor
        for part in parts
        for key, tensor in part.write(ranks[part.name], factors[part.name]).items()
    } | trained.tensors
    for key, tensor in tensors.items():
        require_finite(key, tensor)
    settings = _settings(model, weights, parts, ranks, pad) | {"modules_to_save": trained.modules or None}
    named = {f"{PREFIX}{key}": tensor for key, tensor in tensors.items()}
    exchange(folder, {TENSORS: tensor_writer(named, {"format": "pt"})}, CONFIG, json_writer(settings))
    kept = {module: product.rank for module, product in found.items()}
    write_card(folder, _header(model, weights, found, trained.tensors), numbers, peft=True)
    there = [folder / one for one in (CONFIG, *_FILES) if (folder / one).is_file()]
    return Exported({path.name: path.stat().st_size for path in there}, kept)


def _require_own_places(modules: Mapping[str, nn.Module], found: Mapping[str, Product]) -> None:
    """Raise where one layer hangs in two places: `peft` adapts one of them."""
    for name in found:
        same = [one for one, module in modules.items() if module is modules[name]]
        if len(same) > 1:
            raise TargetError(
                f"{' and '.join(map(repr, same))} are one layer, of which peft adapts the first place alone; "
                f"allowed: layers that hang in one place."
            )


def _under(name: str, modules: list[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in modules)


def _at_least_one(found: dict[str, Product], trained: "_Trained") -> dict[str, Product]:
    """Return the products, with a component of zeros in the first where `peft` would find no LoRA at all.

    Raises:
        StateError: nothing is left at all.
    """
    if any(one.rank > 0 or one.magnitude is not None for one in found.values()):
        return found
    if not trained.tensors:
        raise StateError(
            "every module has rank 0, and none is trained in full, so there is nothing to export."
        )
    name, first = next(iter(found.items()))
    *stack, d1, _ = first.left.shape
    left, right = first.left.new_zeros(*stack, d1, 1), first.right.new_zeros(*stack, 1, first.right.shape[-1])
    return {name: Product(left, left.new_zeros(*stack, 1), right, first.scale)}


def _asked_for(model: nn.Module, name: str | Mapping[str, float] | None) -> dict[str, float]:
    if name is None:
        active = active_adapters(model)
        if len(active) != 1:
            there = ", ".join(active) or "none"
            example = ", ".join(f"{one!r}: 0.5" for one in active) or "…"
            raise StateError(
                f"{len(active)} adapters are active ({there}); say which one to export, name='…', or how to "
                f"combine them, name={{{example}}}."
            )
        name = active
    weights = weights_of(name)
    require(len(weights) > 0, "name", name, "the name of an adapter, or weights by name")
    for one in weights:
        require_adapter(model, one)
    require_weights(model, weights)
    configs = injected_configs(model)
    dora = [one for one in weights if configs[one].dora]
    alone = "adapters without DoRA, or one alone, because a magnitude is of the whole weight"
    require(len(weights) == 1 or not dora, "name", name, alone)
    return weights


def _into_left(product: Product) -> tuple[Tensor, Tensor]:
    product = _wide(product)
    return product.left * product.lam.unsqueeze(-2), product.right


def _wide(product: Product) -> Product:
    """Return the factors in float32 at least: half precision would round λ away once more."""
    dtype = torch.promote_types(product.left.dtype, torch.float32)
    left, lam, right = (one.to(dtype) for one in (product.left, product.lam, product.right))
    return replace(product, left=left, lam=lam, right=right)


def _evenly(product: Product) -> tuple[Tensor, Tensor]:
    product = _wide(product)
    root = product.lam.abs().sqrt()
    return product.left * (product.lam.sign() * root).unsqueeze(-2), root.unsqueeze(-1) * product.right


@dataclass(frozen=True)
class _Trained:
    """Modules trained in full: their names, and their tensors by name."""

    modules: list[str]
    tensors: dict[str, Tensor]


def _trained(model: nn.Module, weights: Mapping[str, float]) -> _Trained:
    """Return what the adapters train in full: of each module the copy of the last that has one."""
    configs = injected_configs(model)
    own: dict[str, nn.Module] = {}
    tensors: dict[str, Tensor] = {}
    for name in (one for one in configs if one in weights):
        mine = trained_modules(model, configs[name], name)
        require_alone(model, configs[name], mine, "the copy that peft makes of it")
        own |= mine
        tensors |= dict(trained_tensors(model, configs[name], name))
    return _Trained(list(own), tensors | _alike(model, list(own)))


def _alike(model: nn.Module, trained: list[str]) -> dict[str, Tensor]:
    """Return the tensors of modules that `peft` takes for trained ones, because their names end alike."""
    found: dict[str, Tensor] = {}
    for module, layer in walk(model):
        if module.endswith(tuple(trained)) and not _under(module, trained):
            if any(isinstance(inner, AdaptedLayer) for inner in layer.modules()):
                raise TargetError(
                    f"{module!r} has an adapter and ends like one of {trained}, so that peft would train it "
                    f"in full in place of that; rename one of them."
                )
            found |= {f"{module}.{key}": tensor for key, tensor in layer.state_dict().items()}
    return found


def _sizes(parts: list[Block], pad: bool) -> tuple[dict[str, int], dict[str, float]]:
    """Return the rank of each block, and what B is multiplied with where all must have one scale."""
    if not pad or not parts:
        return {part.name: part.rank for part in parts}, dict.fromkeys((part.name for part in parts), 1.0)
    step = math.lcm(*(part.step for part in parts))
    whole = -(-max(part.rank for part in parts) // step) * step
    scale = _common(parts)
    return {part.name: whole for part in parts}, {part.name: part.scale / scale for part in parts}


def _common(parts: list[Block]) -> float:
    return Counter(part.scale for part in parts).most_common(1)[0][0]


def _settings(
    model: nn.Module, weights: Mapping[str, float], parts: list[Block], ranks: Mapping[str, int], pad: bool
) -> dict[str, Any]:
    """Return ``adapter_config.json``: s = alpha / r of each module, by patterns where they differ."""
    modules = dict(walk(model))
    rank = max(ranks.values(), default=1)
    alpha = _number((_common(parts) if parts else 1.0) * rank)
    alphas = {} if pad else {part.name: _number(part.scale * ranks[part.name]) for part in parts}
    configs = [injected_configs(model)[name] for name in weights]
    names = [part.name for part in parts if not part.parameter]
    stacks = [part.name for part in parts if part.parameter]
    return {
        "peft_type": "LORA",
        "base_model_name_or_path": base_name(model) or None,
        "task_type": None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0 if stacks else configs[0].dropout,
        "use_rslora": False,
        "use_dora": any(config.dora for config in configs),
        "bias": "none",
        "init_lora_weights": True,
        "fan_in_fan_out": any(isinstance(base_of(modules[name]), Conv1D) for name in names),
        "target_modules": exact_names(names, modules) if names else [],
        "target_parameters": stacks or None,
        "rank_pattern": {anchored(one): own for one, own in ranks.items() if own != rank},
        "alpha_pattern": {anchored(one): own for one, own in alphas.items() if own != alpha},
    }


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _header(
    model: nn.Module,
    weights: Mapping[str, float],
    found: Mapping[str, Product],
    trained: Mapping[str, Tensor],
) -> Header:
    """Return what the model card tells of."""
    shapes, ranks = adaptable_shapes(model), {module: one.rank for module, one in found.items()}
    config = injected_configs(model)[next(iter(weights))]
    if len(weights) > 1:
        rank = max(1, *ranks.values())
        config = AdapterConfig(update="svd", rank=rank, alpha=rank, target_modules=list(found))
    return Header(
        files={},
        base_model=base_name(model),
        config=config,
        modules={module: shapes[module] for module in found},
        ranks=ranks,
        triplets=ranks,
        trained={key: tuple(tensor.shape) for key, tensor in trained.items()},
    )
