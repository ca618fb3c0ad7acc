"""Reading an adapter of the `peft` library onto a model."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..candidates import Candidate, base_of, candidates
from ..config import AdapterConfig
from ..errors import CheckpointError, ConfigError, StateError
from ..files import read_tensors_file, require_finite, tensor_shapes
from ..inject import inject_saved
from ..injected import injected_configs
from ..naming import exact_names
from ..trained import trained_tensors
from ..updates import LoRAUpdate, SVDUpdate
from ..walk import adapters
from .folder import TENSORS, Source, contents, names_in, read_config, require_understood
from .unblock import Factors, factors_of

M = TypeVar("M", bound=nn.Module)

# A rank above d₁ and d₂ has a meaning to peft, and of a tiny model such factors hold more than its weights.
_TIMES, _SPARE = 16, 2**24


def import_peft(model: M, folder: str | Path, name: str = "default") -> M:
    """Put an adapter that the `peft` library has saved on its base model.

    LoRA, rsLoRA and DoRA come as `LoRAUpdate`s, whose ranks may differ, and AdaLoRA as `SVDUpdate`s. Where
    the scales of modules differ, they go into B, or λ. ``modules_to_save`` are ``train_modules`` here.

    Args:
        model: the base model; changed in place.
        folder: with ``adapter_config.json`` and ``adapter_model.safetensors``.
        name: name that the adapter gets.

    Returns:
        The same model.

    Raises:
        CheckpointError: a file is missing or damaged, a value is NaN or infinite, a setting is not known
            here, or the adapter belongs to another model (the first differing names and shapes are listed).
        StateError: the model has an adapter of that name, or is merged.
            The model is unchanged in each case.
    """
    folder = Path(folder)
    config = read_config(folder)
    require_understood(folder, config)
    if name in injected_configs(model):
        raise StateError(f"the model has an adapter named {name!r} already; give another name.")
    _require_room(folder / TENSORS, model)
    tensors = read_tensors_file(folder / TENSORS)
    for key, tensor in tensors.items():
        require_finite(key, tensor)
    source = Source(folder, config, tensors, contents(tensors))
    every = {one.name: one for one in candidates(model)}
    modules = factors_of(source, model)
    trained = _trained(source, every)
    own = _config(source, modules, trained, every)
    with torch.random.fork_rng(devices=[]):  # its random start is overwritten at once
        inject_saved(model, own, name, {}, modules)
    _fill(model, name, own, modules)
    for key, tensor in trained_tensors(model, own, name):
        if key in trained:
            tensor.data.copy_(trained[key])
    return model


def _require_room(path: Path, model: nn.Module) -> None:
    """Refuse a file of far more numbers than any adapter of the model has, before they are read."""
    held = sum(math.prod(shape) for shape in tensor_shapes(path).values())
    own = sum(tensor.numel() for tensor in (*model.parameters(), *model.buffers()))
    if held > _TIMES * own + _SPARE:
        raise CheckpointError(
            f"{path} holds {held:,} numbers, and the model {own:,}: the adapter belongs to another model."
        )


def _trained(source: Source, every: Mapping[str, Candidate]) -> dict[str, Tensor]:
    """Return the tensors of modules trained in full; pass by copies of what the base holds."""
    suffixes, tensors = names_in(source.config, "modules_to_save"), source.tensors
    rows, trained = [], {}
    for name, key in source.contents.others.items():
        plain = name.replace(".base_layer.", ".")
        module, _, last = plain.rpartition(".")
        here = getattr(base_of(every[module].module), last, None) if module in every else None
        if not isinstance(here, Tensor) or here.shape != tensors[key].shape:
            shape = "absent" if not isinstance(here, Tensor) else tuple(here.shape)
            rows.append(f"{plain}: {tuple(tensors[key].shape)} saved, {shape} here")
        elif here.is_complex() != tensors[key].is_complex():
            rows.append(f"{plain}: {tensors[key].dtype} saved, {here.dtype} here")
        elif _is_meant(module, suffixes):
            trained[plain] = tensors[key]
        elif not torch.equal(tensors[key].to(here), here):
            rows.append(f"{plain}: other numbers saved than the model has")
    if rows:
        raise source.another_base(rows)
    return trained


def _is_meant(module: str, suffixes: tuple[str, ...]) -> bool:
    """Tell whether ``modules_to_save`` means a module or one around it, as `peft` matches them."""
    parts = module.split(".")
    return any(".".join(parts[: end + 1]).endswith(suffixes) for end in range(len(parts)))


def _config(
    source: Source,
    modules: Mapping[str, Factors],
    trained: Mapping[str, Tensor],
    every: Mapping[str, Candidate],
) -> AdapterConfig:
    """Return settings of ours under which the factors mean the same."""
    config = source.config
    svd = config["peft_type"] == "ADALORA"
    ranks = {one.rank for one in modules.values()}
    scale = Counter(one.scale for one in modules.values()).most_common(1)[0][0]
    rs = not svd and bool(config.get("use_rslora")) and len(ranks) == 1
    suffixes = names_in(config, "modules_to_save")
    heads = [one for one in every if one.endswith(suffixes) and _holds(one, trained)]
    outer = [one for one in heads if not any(one.startswith(f"{other}.") for other in heads)]
    names = exact_names(outer, every) if outer else []
    try:
        rank = max(1, *ranks, int(config.get("init_r", 1)) if svd else 1)
        return AdapterConfig(
            update="svd" if svd else "lora",
            rank=rank,
            alpha=scale * (rank**0.5 if rs else rank),
            scaling="rslora" if rs else "lora",
            target_modules=exact_names(list(modules), every),
            train_modules=outer if isinstance(names, str) else names,
            dropout=float(config.get("lora_dropout") or 0.0),
            dora=bool(config.get("use_dora")),
        )
    except (ConfigError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(f"the settings in {source.folder} are not allowed here: {error}") from error


def _holds(module: str, trained: Mapping[str, Tensor]) -> bool:
    return any(key.startswith(f"{module}.") for key in trained)


@torch.no_grad()
def _fill(model: nn.Module, name: str, own: AdapterConfig, modules: Mapping[str, Factors]) -> None:
    for module, layer in adapters(model).items():
        if name not in layer.updates:
            continue
        update, one = layer.named_updates()[name], modules[module]
        ratio = one.scale / update.scaling if update.scaling else 1.0
        update.resize_(one.rank)
        if isinstance(update, SVDUpdate):
            lam = one.lam if one.lam is not None else torch.ones_like(one.right[..., 0])
            update.P.copy_(one.left)
            update.lam.copy_(lam * ratio)
            update.Q.copy_(one.right)
            if bool(lam.any()):  # while it trains, peft prunes by setting λ to zero
                update.mask.copy_(lam != 0)
        elif isinstance(update, LoRAUpdate):
            update.B.copy_(one.left if ratio == 1 else one.left * ratio)
            update.A.copy_(one.right)
        if own.dora and one.magnitude is not None:
            layer.magnitudes[name].copy_(one.magnitude)
