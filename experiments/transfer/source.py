"""The folder that a command names: the adapter in it, and what it says of its base model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

import adalora
from adalora.card import CARD, PICTURE, is_ours
from adalora.checkpoint import HEADER
from adalora.errors import CheckpointError, ConfigError
from adalora.files import require_place, tensor_shapes
from adalora.header import Shape, read_header
from adalora.interchange.folder import TENSORS, contents, read_config, require_understood
from analysis.read import find_adapter

from .. import files
from ..config import RunConfig

ReadRun = Callable[[Path], RunConfig]


@dataclass(frozen=True)
class Source:
    """An adapter on disk.

    Attributes:
        folder: as it was named.
        place: folder of the adapter, the same or one inside.
        theirs: whether the `peft` library's format is used there.
        base: name or path of the base model that it tells; empty if it does not.
        modules: shape of each adapted module by name; None where only the name is known.
        trained: shape of each tensor of the modules trained in full, by name.
        run: settings of the run; None for an adapter alone.
    """

    folder: Path
    place: Path
    theirs: bool
    base: str
    modules: Mapping[str, Shape | None]
    trained: Mapping[str, Shape]
    run: RunConfig | None = None

    def put_on(self, model: nn.Module, name: str) -> None:
        """Put the adapter on its base model, under a name.

        Raises:
            CheckpointError: the files are damaged, or belong to another model.
        """
        if self.theirs:
            adalora.import_peft(model, self.place, name)
        else:
            adalora.load(model, self.place, name=name)


def find_sources(names: Sequence[str], read_run: ReadRun) -> list[Source]:
    """Read what several folders say, without their tensors.

    Args:
        names: paths of folders.
        read_run: path of a run's settings -> the settings.

    Raises:
        CheckpointError: there is no such folder, it holds no adapter, or one that cannot be read.
        ConfigError: a folder is named twice.
    """
    places = [Path(name).resolve() for name in names]
    twice = [name for number, name in enumerate(names) if places[number] in places[:number]]
    if twice:
        raise ConfigError(f"{twice[0]} is named twice; allowed: each source once.")
    return [find_source(name, read_run) for name in names]


def find_source(name: str, read_run: ReadRun) -> Source:
    """Read what a folder says, without its tensors.

    Args:
        name: path of the folder.
        read_run: path of a run's settings -> the settings.

    Raises:
        CheckpointError: there is no such folder, it holds no adapter, or one that cannot be read.
    """
    folder = Path(name)
    if not _is_folder(folder):
        raise CheckpointError(
            f"{folder} is no folder; allowed: the folder of a run, or one that adalora.save or the peft "
            f"library has written."
        )
    place, theirs = find_adapter(folder)
    found = _of_peft(folder, place) if theirs else _of_save(folder, place)
    settings = folder / files.CONFIG
    if place == folder or not settings.is_file():
        return found
    run = read_run(settings)
    return Source(folder, place, theirs, run.model, found.modules, found.trained, run)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long
        return False


def require_output(output: str, header: str, sources: Sequence[Source], base: str | None = None) -> Path:
    """Return the folder that shall be written, once nothing stands in its way; nothing is touched.

    Args:
        output: its path.
        header: name of the file by which an earlier one of its kind is known.
        sources: what is read.
        base: place of the base model.

    Raises:
        ConfigError: it is the folder of a source or of the base model, or lies in it.
        CheckpointError: it holds something else, or cannot be a folder.
    """
    folder = Path(output)
    whole = folder.resolve()
    read = {source.folder: "source" for source in sources}
    if base is not None and Path(base).is_dir():
        read[Path(base)] = "base model"
    for path, what in read.items():
        if path.resolve() in (whole, *whole.parents):
            lies = "is" if path.resolve() == whole else "lies in"
            raise ConfigError(
                f"output is {output!r}, which {lies} the {what} {path}; give a folder of its own."
            )
    try:
        require_place(folder, header, *(one for one in (CARD, PICTURE) if is_ours(folder / one)))
        blocked = next((one for one in whole.parents if one.exists() and not one.is_dir()), None)
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read: {error}; give another folder.") from error
    if blocked:
        raise CheckpointError(f"{blocked} is a file, so {folder} cannot be a folder; give another.")
    return folder


def _of_save(folder: Path, place: Path) -> Source:
    header = read_header(place / HEADER)
    return Source(folder, place, False, header.base_model, header.modules, header.trained)


def _of_peft(folder: Path, place: Path) -> Source:
    config = read_config(place)
    require_understood(place, config)
    shapes = tensor_shapes(place / TENSORS)
    found = contents(shapes)
    return Source(
        folder=folder,
        place=place,
        theirs=True,
        base=str(config.get("base_model_name_or_path") or ""),
        modules={name.replace(".base_layer", ""): None for name in found.factors},
        trained={name.replace(".base_layer.", "."): shapes[key] for name, key in found.others.items()},
    )
