"""The base model of the adapters that a command names, as often as it is needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import set_seed

from adalora.errors import AdaLoRAError, ConfigError, DataError

from .. import tasks
from ..config import RunConfig
from ..models import build_base
from ..pretrained import forget_packing, from_pretrained, load_tokenizer, packed_in, place_of
from ..problems.text import fill_padding
from ..quantization import quantize
from .fitting import fitting_class
from .source import Source

_SEED = 0


@dataclass(frozen=True)
class Base:
    """A base model.

    Attributes:
        name: folder, name or alias.
        place: folder, or name on the hub.
        make: returns the model anew, each time with the same numbers, ready to be asked.
        processor: what prepares its inputs, such as its tokenizer; None where there is none.
        notes: sentences on what was done otherwise than one would expect.
        random: tensors that neither the base model nor an adapter holds; they start at random.
    """

    name: str
    place: str
    make: Callable[[], nn.Module]
    processor: Any = None
    notes: tuple[str, ...] = ()
    random: tuple[str, ...] = ()


def find_base(sources: Sequence[Source], asked: str | None) -> Base:
    """Return the model that the adapters were trained on: as the run says, or as their names and shapes do.

    Args:
        sources: the adapters.
        asked: what the command line says; None for what the adapters say.

    Raises:
        ConfigError: no adapter says it, or they say different ones; or a setting of the run does not fit it.
        DataError: the model is not there; the message says how to get it.
    """
    if asked is not None:
        return _base(sources, asked)
    try:
        return _base(sources, _recorded(sources))
    except DataError as error:
        raise DataError(f"{error} If it lies elsewhere, say where with --base.") from error


def _recorded(sources: Sequence[Source]) -> str:
    for source in sources:
        if not source.base.strip():
            raise ConfigError(
                f"base is missing, and {source.folder} does not say on which model it was trained; give "
                f"--base with a folder, a name on the hub, minilm or smollm2."
            )
    first = sources[0]
    for other in sources[1:]:
        if _same(first.base) != _same(other.base):
            raise ConfigError(
                f"base is missing, and the sources name different ones: {first.base} ({first.folder}), "
                f"{other.base} ({other.folder}); give --base to say which."
            )
    return first.base


def _base(sources: Sequence[Source], name: str) -> Base:
    run = next((source.run for source in sources if source.run), None)
    if run is None:
        return _by_shape(sources, name)
    config = replace(run, model=name)
    try:
        return _as_trained(config)
    except DataError as error:
        note = f"The data of the run cannot be read, so classes have no names: {error}"
        return _by_shape(sources, name, config, (note,))


def _as_trained(config: RunConfig) -> Base:
    task = tasks.get(config.task, config.data)
    classes = task.load(config.data).classes
    processor = task.problem.load_processor(config.model)

    def make() -> nn.Module:
        return build_base(config, task.problem, processor, classes).eval()

    return Base(config.model, place_of(config.model), make, processor)


def _by_shape(
    sources: Sequence[Source], name: str, run: RunConfig | None = None, notes: tuple[str, ...] = ()
) -> Base:
    kind, config = fitting_class(name, sources)
    processor = _processor(name)

    def load() -> tuple[nn.Module, set[str]]:
        set_seed(_SEED)
        # In float32, as the models of runs are: in half precision small updates are lost.
        options = {"config": config, "dtype": torch.float32, "ignore_mismatched_sizes": True}
        model, info = from_pretrained(kind, name, output_loading_info=True, **options)
        if packed_in(Path(place_of(name))):
            forget_packing(model)
        if processor is not None:
            fill_padding(model, processor, ())
        if run is not None and run.quantization.kind:
            quantize(model, run)
        new = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
        return model.eval(), new

    trained = {key for source in sources for key in source.trained}
    random = tuple(sorted(load()[1] - trained))
    if random:
        some = ", ".join(random[:3]) + (", …" if len(random) > 3 else "")
        notes += (
            f"Neither the base nor an adapter holds {some}: random numbers (seed {_SEED}) stand there.",
        )
    return Base(name, place_of(name), lambda: load()[0], processor, notes, random)


def _processor(name: str) -> Any:
    try:
        return load_tokenizer(name)
    except AdaLoRAError:  # a model may well have none
        return None


def _same(name: str) -> str:
    place = place_of(name)
    return str(Path(place).resolve()) if Path(place).is_dir() else place
