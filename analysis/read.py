"""Adapters of every origin, in one form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from adalora import CheckpointError, ConfigError
from adalora.checkpoint import HEADER
from adalora.interchange.folder import CONFIG

from .records import AdapterRecord, placed
from .sources.live import records_of_model
from .sources.ours import records_of_save
from .sources.peft_folder import records_of_peft
from .sources.plain import records_of_tensors

_IN_A_RUN = "adapter"


def read(
    source: Any, *, base: str | Path | None = None, name: str | None = None, scale: float = 1.0
) -> list[AdapterRecord]:
    """Return what is known of every adapted matrix, in module order.

    Nothing but names and shapes is read now; factors and pretrained weights are, one matrix at a time, when a
    record is asked for them.

    Args:
        source: the folder of a run, a folder that `adalora.save` or the `peft` library has written, a model
            with adapters, or a state dict.
        base: folder or name of the pretrained model; None for what the source says. Never downloaded.
        name: of the adapter, for a model that has several.
        scale: s, for a state dict.

    Raises:
        CheckpointError: the folder holds no adapter, or a file in it is missing or damaged.
        ConfigError: the state dict holds no factors, or ``source`` is none of these.
        StateError: the model has no such adapter.
    """
    if isinstance(source, nn.Module):
        return placed(records_of_model(source, name))
    if isinstance(source, Mapping):
        return placed(records_of_tensors(source, scale))
    if isinstance(source, str | Path):
        return placed(_of_folder(Path(source), None if base is None else str(base)))
    raise ConfigError(
        f"source is a {type(source).__name__}; allowed: the path of a folder, a model, or a state dict."
    )


def find_adapter(folder: Path) -> tuple[Path, bool]:
    """Return where the adapter of a folder lies, in it or below it as in a run, and whether it is of `peft`.

    Raises:
        CheckpointError: there is none.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is no folder; give one that holds an adapter or a run.")
    for place in (folder, folder / _IN_A_RUN):
        if (place / HEADER).exists():
            return place, False
        if (place / CONFIG).exists():
            return place, True
    raise CheckpointError(
        f"{folder} holds no adapter: neither {HEADER}, of adalora.save, nor {CONFIG}, of peft, "
        f"nor a folder {_IN_A_RUN!r} with one of them."
    )


def _of_folder(folder: Path, base: str | None) -> list[AdapterRecord]:
    place, theirs = find_adapter(folder)
    return records_of_peft(place, base) if theirs else records_of_save(place, base)
