"""Saving an adapter and loading it onto its base model."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup

from .candidates import base_of, candidates
from .card import checked, write_card
from .config import AdapterConfig
from .controller import AdaLoRAController
from .errors import CheckpointError, ConfigError, StateError, TargetError
from .files import (
    commit,
    json_writer,
    read_json,
    read_tensors_file,
    require_finite,
    tensor_shapes,
    tensor_writer,
)
from .header import Header, Shape, read_header
from .inject import inject_saved
from .injected import injected_configs, require_adapter
from .layers import Origin
from .naming import is_cheap
from .peers import is_first
from .presets import WORDS
from .shards import here, part, settle, whole
from .targets import ALL_LINEAR, adaptable_shapes, survey
from .trained import trained_tensors
from .updates import SPECTRAL
from .walk import adapters, base_name
from .wrappers import holder

HEADER = "adapter.json"

_HISTORY_LIMIT = 2**29  # bytes of a controller's state: ten thousand budget updates of many modules

M = TypeVar("M", bound=nn.Module)

# What the saved numbers mean depends on these; the other settings may change between save and load.
_MEANING = ("update", "rank", "alpha", "scaling", "dora")


def save(
    model: nn.Module,
    folder: str | Path,
    controller: AdaLoRAController | None = None,
    name: str = "default",
    *,
    metrics: Mapping[str, float] | None = None,
    group: ProcessGroup | None = None,
) -> None:
    """Write an adapter: ``adapter.json`` and the safetensors file that it names; with a controller, its run.

    Beside them come a model card, ``README.md``, and the picture in it, ``ranks.svg``; a file of that name
    without the line "written by adalora.save" is someone's own and stays.

    The file holds the factors of each update, DoRA's magnitudes, what was taken out of the base weights for
    updates that start from singular vectors, and the modules trained in full; not the base model. Between
    two budget updates the λ of pruned triplets train on, and a save holds them too.

    Of several processes the first writes, whole tensors, and the others return before it is done. All have to
    call this where the model is sharded; where each has a copy, the first alone may.

    Args:
        model: a model with the adapter.
        folder: where to write; made if it is not there. Files of an earlier save are replaced.
        controller: adds step, history and averages, from which a run resumes.
        name: name of the adapter.
        metrics: what the adapter has reached, finite numbers by name, for the model card.
        group: the processes that have this model, of which the first writes; None for those of the
            controller, and without one for all that there are.

    Raises:
        StateError: the model has no adapter of that name.
        ConfigError: a metric is not a finite number. Nothing has been written.
        CheckpointError: a file could not be written, or a value is NaN or infinite. The previous save is
            whole in both cases; if it is the model card that could not be written, the new one is.
    """
    config = require_adapter(model, name)
    folder = Path(folder)
    settle(model)
    live = dict(_tensors(model, name, config))
    tensors = dict(zip(live, whole(live.values()), strict=True))
    for key, tensor in tensors.items():
        if isinstance(live[key], nn.Parameter):
            require_finite(key, tensor)
    if group is None and controller is not None:
        group = controller.group
    if not is_first(group):
        return
    numbers = checked(metrics)  # those of the other processes may be others, and nobody waits any more
    mark = uuid.uuid4().hex[:12]
    files = {"adapter": f"adapter-{mark}.safetensors"}
    data = {files["adapter"]: tensor_writer(tensors)}
    if controller is not None:
        state = controller.state_dict()
        files |= {"controller": f"controller-{mark}.json", "averages": f"averages-{mark}.safetensors"}
        data[files["averages"]] = tensor_writer(state.pop("tensors"))
        data[files["controller"]] = json_writer(state, compact=True)
    previous = _files_of(folder)
    header = _header(model, name, files)
    commit(folder, data, HEADER, json_writer(header.as_json()))
    for stale in previous:
        with suppress(OSError):
            (folder / stale).unlink()
    write_card(folder, header, numbers)


def load(
    model: M, folder: str | Path, controller: AdaLoRAController | None = None, name: str = "default"
) -> M:
    """Put a saved adapter on its base model, or fill an adapter of the same layout that is there already.

    Several adapters on one model are loaded in the order in which they were injected: DoRA rescales what came
    before it, and a start from singular vectors changes the base.

    Each of several processes reads the files. A model that is sharded or wrapped for data-parallel training
    has to have the adapter already, with as many triplets as were saved: its parameters keep their sizes.

    Args:
        model: the base model, or one with this adapter injected; changed in place. The base weights stay.
        folder: where `save` has written.
        controller: a controller of this model whose run is taken up where it was saved.
        name: name that the adapter gets.

    Returns:
        The same model.

    Raises:
        CheckpointError: a file is missing or damaged, a value is NaN or infinite, or the adapter belongs to
            another model (the first differing names and shapes are listed).
        StateError: the model is merged, or the controller steers another adapter, or the model is wrapped or
            sharded and the adapter does not fit into its parameters.
            Model and controller are unchanged in each case.
    """
    folder = Path(folder)
    header = read_header(folder / HEADER)
    # Names and shapes first: what the model has no room for is never read.
    _require_layout(header, tensor_shapes(folder / header.files["adapter"]))
    _require_same_model(model, header, name)
    tensors = read_tensors_file(folder / header.files["adapter"])
    _require_types(model, header, name, tensors)
    for key in tensors.keys() - _buffers(model, header.config, name):
        require_finite(key, tensors[key])
    take_up = _prepared(controller, folder, header, name)

    origins = _origins(model, header, tensors)
    _require_room(model, header, name, origins)
    settle(model)
    if name not in injected_configs(model):
        # The random start is overwritten at once, so it must not move the user's generator.
        with torch.random.fork_rng(devices=[]):
            inject_saved(model, header.config, name, origins, header.modules)
    for module, layer in adapters(model).items():
        if module in origins:
            layer.set_origin_(name, origins[module])
        if name in layer.updates:
            layer.named_updates()[name].resize_(header.triplets[module])
    for key, tensor in _tensors(model, name, header.config):
        here(tensor.data).copy_(part(tensors[key], tensor))
    take_up()
    return model


def _origins(model: nn.Module, header: Header, tensors: dict[str, Tensor]) -> dict[str, Origin]:
    """Return what the saved adapter has taken out of the base weights, on the devices of the model."""
    if header.config.init not in SPECTRAL:
        return {}
    origins = {}
    for one in candidates(model):
        if one.kind and one.name in header.modules:
            device = cast(Tensor, base_of(one.module).weight).device
            sides = (tensors[f"{one.name}.origin.{side}"].to(device) for side in ("left", "right"))
            origins[one.name] = Origin(*sides)
    return origins


def _require_room(model: nn.Module, header: Header, name: str, origins: Mapping[str, Origin]) -> None:
    """Check that a model which others hold need not change the sizes of its parameters, or its base."""
    held_by = holder(model)
    if held_by is None:
        return
    layers = {key: layer for key, layer in adapters(model).items() if name in layer.updates}
    triplets = {module: layer.named_updates()[name].parts().rank for module, layer in layers.items()}
    known = all(
        name in layers[module].origins and cast(Origin, layers[module].origins[name]).equals(origin)
        for module, origin in origins.items()
        if module in layers
    )
    if triplets != header.triplets or not known:
        raise StateError(
            f"the model is held by {held_by}, whose parameters keep their sizes, and the saved adapter has "
            f"other triplets or another start; allowed: load it first and wrap the model then."
        )


def _prepared(
    controller: AdaLoRAController | None, folder: Path, header: Header, name: str
) -> Callable[[], None]:
    """Check the saved run against the controller; return what takes it up and can no longer fail."""
    if controller is None:
        return lambda: None
    if controller.name != name:
        raise StateError(f"the controller steers adapter {controller.name!r}, and {name!r} is to be loaded.")
    if "controller" not in header.files:
        raise CheckpointError(
            f"{folder} was saved without a controller, so it holds no run to take up; leave controller out."
        )
    state = read_json(folder / header.files["controller"], _HISTORY_LIMIT)
    state["tensors"] = read_tensors_file(folder / header.files["averages"])
    return controller.prepare_state(state, header.triplets)


def _tensors(model: nn.Module, name: str, config: AdapterConfig) -> Iterator[tuple[str, Tensor]]:
    """Yield the live tensors of an adapter and of the modules trained with it, by name in the file."""
    for module, layer in adapters(model).items():
        if name in layer.updates:
            for key, tensor in layer.adapter_tensors(name).items():
                yield f"{module}.{key}", tensor
    yield from trained_tensors(model, config, name)


def _buffers(model: nn.Module, config: AdapterConfig, name: str) -> set[str]:
    """Name the trained modules' buffers, in which an infinite value may be meant, as in a causal mask."""
    trained = trained_tensors(model, config, name)
    return {key for key, tensor in trained if not isinstance(tensor, nn.Parameter)}


def _files_of(folder: Path) -> list[str]:
    """Name the data files of the save that is in a folder; none where there is no readable one."""
    try:
        return list(read_header(folder / HEADER).files.values())
    except CheckpointError:
        return []


def _header(model: nn.Module, name: str, files: dict[str, str]) -> Header:
    config = injected_configs(model)[name]
    layers = {module: layer for module, layer in adapters(model).items() if name in layer.updates}
    shapes = adaptable_shapes(model)
    return Header(
        files=files,
        base_model=base_name(model),
        config=config,
        modules={module: shapes[module] for module in layers},
        ranks={module: layer.named_updates()[name].rank for module, layer in layers.items()},
        triplets={module: layer.named_updates()[name].parts().rank for module, layer in layers.items()},
        trained={key: tuple(tensor.shape) for key, tensor in trained_tensors(model, config, name)},
    )


def _require_same_model(model: nn.Module, header: Header, name: str) -> None:
    """Compare the modules, shapes and settings in the header with those of the model."""
    shapes = adaptable_shapes(model)
    existing = injected_configs(model).get(name)
    if existing is not None:
        here = {module for module, layer in adapters(model).items() if name in layer.updates}
    else:
        here = header.modules.keys() & shapes.keys()
    found: dict[str, Shape] = {module: shapes[module] for module in shapes if module in here}
    trained = trained_tensors(model, existing or header.config, name)
    found |= {key: tuple(tensor.shape) for key, tensor in trained}
    rows = _differences(header.modules | header.trained, found)
    rows += [
        f"{module}: {count} triplets saved, {min(header.modules[module][-2:])} at most here"
        for module, count in header.triplets.items()
        if count > min(header.modules[module][-2:])
    ]
    if not rows and existing is None:  # only a configuration that fits can be asked for its targets
        asked = _target_names(model, header)
        rows = _differences(header.modules, {module: shapes[module] for module in shapes if module in asked})
    if not rows and existing is not None:
        fields = [(field, getattr(header.config, field), getattr(existing, field)) for field in _MEANING]
        rows = [f"{field}: {saved!r} saved, {now!r} here" for field, saved, now in fields if saved != now]
    if rows:
        raise CheckpointError(
            f"the adapter belongs to another model ({header.base_model or 'unnamed'}); {len(rows)} names, "
            f"shapes or settings differ, first: {'; '.join(rows[:5])}."
        )
    if any(layer.merged for layer in adapters(model).values()):
        raise StateError("the model is merged; call unmerge_(model) before load.")


def _target_names(model: nn.Module, header: Header) -> set[str]:
    wanted = header.config.target_modules
    cheap = not isinstance(wanted, str) or wanted == ALL_LINEAR or wanted in WORDS or is_cheap(wanted)
    only = None if cheap else header.modules  # the pattern is someone else's: not tried, the names are there
    try:
        return {target.names[0] for target in survey(model, header.config, only).targets}
    except (ConfigError, TargetError) as error:
        raise CheckpointError(f"the adapter's settings do not fit this model: {error}") from error


def _require_types(model: nn.Module, header: Header, name: str, tensors: dict[str, Tensor]) -> None:
    """Refuse numbers of another kind than those that they replace: a mask of floats, complex weights."""
    live = {key: _kind(tensor) for key, tensor in trained_tensors(model, header.config, name)}
    for key, tensor in tensors.items():
        wanted = live.get(key) or ("bool" if key.endswith(".mask") else "float")
        if _kind(tensor) != wanted:
            raise CheckpointError(f"{key} is of type {tensor.dtype}, expected: {wanted}. It is damaged.")


def _kind(tensor: Tensor) -> str:
    if tensor.dtype == torch.bool:
        return "bool"
    return "complex" if tensor.is_complex() else "float" if tensor.is_floating_point() else "int"


def _require_layout(header: Header, shapes: dict[str, Shape]) -> None:
    """Compare the tensors in the file with what the header promises."""
    rows = _differences(header.tensors(), shapes)
    if rows:
        raise CheckpointError(
            f"{header.files['adapter']} does not hold what {HEADER} promises: {'; '.join(rows[:5])}. "
            f"The files are damaged."
        )


def _differences(saved: dict[str, Shape], found: dict[str, Shape]) -> list[str]:
    keys = [*saved, *(key for key in found if key not in saved)]
    return [
        f"{key}: {saved.get(key, 'absent')} saved, {found.get(key, 'absent')} here"
        for key in keys
        if saved.get(key) != found.get(key)
    ]
