"""Saving an adapter and loading it onto its base model."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from .config import AdapterConfig
from .controller import AdaLoRAController
from .errors import CheckpointError, StateError
from .files import json_writer, read_json, read_tensors_file, tensor_writer, write_together
from .header import Header, Shape, read_header
from .inject import inject, injected_configs
from .targets import adaptable_shapes, find_targets, is_under
from .walk import adapters, walk

M = TypeVar("M", bound=nn.Module)


def save(
    model: nn.Module, folder: str | Path, controller: AdaLoRAController | None = None, name: str = "default"
) -> None:
    """Write an adapter: ``adapter.json`` and ``adapter.safetensors``; with a controller, its state too.

    The file holds P, λ, Q and the mask of each update and the modules trained in full, not the base model.

    Args:
        model: a model with the adapter.
        folder: where to write; made if it is not there. Files of an earlier save are replaced.
        controller: adds ``controller.json`` and ``controller.safetensors``, from which a run resumes.
        name: name of the adapter.

    Raises:
        StateError: the model has no adapter of that name.
        CheckpointError: a file could not be written; the previous files are whole.
    """
    if name not in injected_configs(model):
        known = ", ".join(injected_configs(model)) or "none"
        raise StateError(f"the model has no adapter named {name!r}; it has: {known}.")
    folder = Path(folder)
    save_id = uuid.uuid4().hex
    tensors = dict(_adapter_tensors(model, name))
    tensors |= dict(_trained_tensors(model, injected_configs(model)[name]))
    files = {"adapter.safetensors": tensor_writer(tensors, {"save_id": save_id})}
    if controller is not None:
        state = controller.state_dict()
        files["controller.safetensors"] = tensor_writer(state.pop("tensors"), {"save_id": save_id})
        files["controller.json"] = json_writer({"save_id": save_id, **state})
    # The header comes last: with its save_id it vouches for the files before it.
    files["adapter.json"] = json_writer(_header(model, name, save_id).as_json())
    write_together(folder, files)
    if controller is None:
        for leftover in ("controller.safetensors", "controller.json"):
            (folder / leftover).unlink(missing_ok=True)


def load(
    model: M, folder: str | Path, controller: AdaLoRAController | None = None, name: str = "default"
) -> M:
    """Put a saved adapter on its base model, or fill an adapter of the same layout that is there already.

    Args:
        model: the base model, or one with this adapter injected; changed in place. The base weights stay.
        folder: where `save` has written.
        controller: a controller of this model whose run is taken up where it was saved.
        name: name that the adapter gets.

    Returns:
        The same model.

    Raises:
        CheckpointError: a file is missing or damaged, a value is NaN or infinite, or the adapter belongs to
            another model (the first differing names and shapes are listed). The model is unchanged.
    """
    folder = Path(folder)
    header = read_header(folder / "adapter.json")
    tensors = _read_tensors(folder / "adapter.safetensors", header.save_id)
    _require_same_model(model, header, name)
    _require_layout(header, tensors)
    if controller is not None:
        state = read_json(folder / "controller.json")
        state["tensors"] = _read_tensors(folder / "controller.safetensors", header.save_id)
        controller.load_state_dict(state)
    if name not in injected_configs(model):
        # The random start is overwritten at once, so it must not move the user's generator.
        with torch.random.fork_rng(devices=[]):
            inject(model, header.config, name)
    for key, tensor in [*_adapter_tensors(model, name), *_trained_tensors(model, header.config)]:
        tensor.data.copy_(tensors[key])
    return model


def _adapter_tensors(model: nn.Module, name: str) -> Iterator[tuple[str, Tensor]]:
    for module, layer in adapters(model).items():
        if name in layer.updates:
            for key, tensor in layer.updates[name].state_dict(keep_vars=True).items():
                yield f"{module}.{key}", tensor


def _trained_tensors(model: nn.Module, config: AdapterConfig) -> Iterator[tuple[str, Tensor]]:
    for module_name, module in walk(model):
        if is_under(module_name, config.train_modules):
            own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
            yield from ((f"{module_name}.{key}", tensor) for key, tensor in own)


def _header(model: nn.Module, name: str, save_id: str) -> Header:
    config = injected_configs(model)[name]
    layers = {module: layer for module, layer in adapters(model).items() if name in layer.updates}
    shapes = adaptable_shapes(model)
    return Header(
        save_id=save_id,
        base_model=str(getattr(getattr(model, "config", None), "_name_or_path", "")),
        config=config,
        modules={module: shapes[module] for module in layers},
        ranks={module: layer.named_updates()[name].rank for module, layer in layers.items()},
        trained={key: tuple(tensor.shape) for key, tensor in _trained_tensors(model, config)},
    )


def _read_tensors(path: Path, save_id: str) -> dict[str, Tensor]:
    tensors, metadata = read_tensors_file(path)
    if metadata.get("save_id") != save_id:
        raise CheckpointError(
            f"{path} and adapter.json come from two different saves; take both from one save."
        )
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(
                f"{path}: tensor {key!r} has a NaN or an infinite value; save a healthy run."
            )
    return tensors


def _require_same_model(model: nn.Module, header: Header, name: str) -> None:
    """Compare the modules and shapes in the header with those of the model."""
    shapes = adaptable_shapes(model)
    if name in injected_configs(model):
        here = {module for module, layer in adapters(model).items() if name in layer.updates}
    else:
        here = header.modules.keys() & shapes.keys()
        if here == header.modules.keys():  # else the configuration may not even fit the model
            here = {target.names[0] for target in find_targets(model, header.config)}
    found: dict[str, Shape] = {module: shapes[module] for module in shapes if module in here}
    found |= {key: tuple(tensor.shape) for key, tensor in _trained_tensors(model, header.config)}
    rows = _differences(header.modules | header.trained, found)
    if rows:
        raise CheckpointError(
            f"the adapter belongs to another model ({header.base_model or 'unnamed'}); {len(rows)} names or "
            f"shapes differ, first: {'; '.join(rows[:5])}."
        )


def _require_layout(header: Header, tensors: dict[str, Tensor]) -> None:
    """Compare the tensors in the file with what the header promises."""
    rows = _differences(header.tensors(), {key: tuple(tensor.shape) for key, tensor in tensors.items()})
    if rows:
        raise CheckpointError(
            f"adapter.safetensors does not hold what adapter.json promises: {'; '.join(rows[:5])}. "
            f"The files are damaged."
        )


def _differences(saved: dict[str, Shape], found: dict[str, Shape]) -> list[str]:
    keys = [*saved, *(key for key in found if key not in saved)]
    return [
        f"{key}: {saved.get(key, 'absent')} saved, {found.get(key, 'absent')} here"
        for key in keys
        if saved.get(key) != found.get(key)
    ]
