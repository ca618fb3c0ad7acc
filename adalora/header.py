"""The JSON header of a saved adapter: what it promises about the tensors beside it."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .config import AdapterConfig
from .errors import CheckpointError, ConfigError
from .files import read_json
from .updates import SPECTRAL, UPDATES
from .version import __version__

FORMAT = "adalora"
VERSION = 4  # 1 knew no tensors that have shrunk, 2 no LoRA of several ranks, 3 no history in columns

Shape = tuple[int, ...]

_NAMES, _NAME = 10_000, 1_000  # names in a list, letters in a name: more than any model has
_LARGEST = 3e38


@dataclass(frozen=True)
class Header:
    """What a saved adapter is.

    Attributes:
        files: the files beside the header, by what they hold: ``adapter``, and with a controller
            ``controller`` and ``averages``.
        base_model: name or path of the base model, as far as it is known.
        config: settings with which the adapter was injected.
        modules: (d₁, d₂) of each adapted module, behind the size of its stack if it is one.
        ranks: triplets alive in each adapted module.
        triplets: triplets that the tensors of each adapted module hold; fewer than at the start once pruned
            ones have been removed.
        trained: shapes of the tensors of the modules trained in full, by name.
    """

    files: dict[str, str]
    base_model: str
    config: AdapterConfig
    modules: dict[str, Shape]
    ranks: dict[str, int]
    triplets: dict[str, int]
    trained: dict[str, Shape]

    def tensors(self) -> dict[str, Shape]:
        """Return name and shape of every tensor in the file beside the header."""
        wanted: dict[str, Shape] = {}
        for module, shape in self.modules.items():
            tensors = adapter_shapes(self.config, shape, self.triplets[module])
            wanted |= {f"{module}.{name}": size for name, size in tensors.items()}
        return wanted | self.trained

    def as_json(self) -> dict[str, Any]:
        """Return the header as plain data."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "adalora": __version__,
            "files": self.files,
            "base_model": self.base_model,
            "config": dataclasses.asdict(self.config),
            "modules": {
                module: {"shape": list(shape), "rank": self.ranks[module], "triplets": self.triplets[module]}
                for module, shape in self.modules.items()
            },
            "trained": {key: list(shape) for key, shape in self.trained.items()},
        }


def adapter_shapes(config: AdapterConfig, module: Shape, triplets: int) -> dict[str, Shape]:
    """Return the shape of every tensor that an adapter has for a module of shape ``module``, by name."""
    *stack, d1, d2 = module
    shapes = UPDATES[config.update].shapes(d1, d2, triplets, *stack)
    if config.dora:
        shapes["magnitude"] = (d1,)
    if config.init in SPECTRAL:
        shapes |= {"origin.left": (*stack, d1, config.rank), "origin.right": (*stack, config.rank, d2)}
    return shapes


def read_header(path: Path) -> Header:
    """Read and check a header.

    Raises:
        CheckpointError: the file is missing, damaged, or of another format or version.
    """
    value = read_json(path)
    version = value.get("version")
    if value.get("format") != FORMAT or type(version) is not int or not 1 <= version <= VERSION:
        raise CheckpointError(
            f"{path} has format {shortened(value.get('format'), 50)!r}, version {shortened(version, 50)}; "
            f"this adalora reads format {FORMAT!r}, versions 1 to {VERSION}."
        )
    try:
        modules = {module: _shape(entry["shape"], 2, 3) for module, entry in value["modules"].items()}
        config = AdapterConfig(**value["config"])
        _require_few_names(config)
        _require_scales(config, modules)
        return Header(
            files=_files(value["files"]),
            base_model=str(value["base_model"]),
            config=config,
            modules=modules,
            ranks={module: _rank(entry["rank"]) for module, entry in value["modules"].items()},
            triplets={
                module: _triplets(entry.get("triplets", config.rank), config)
                for module, entry in value["modules"].items()
            },
            trained={key: _shape(shape) for key, shape in value["trained"].items()},
        )
    except (AttributeError, ConfigError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {shortened(error)}.") from error


def shortened(error: object, most: int = 500) -> str:
    """Return a message that may hold what somebody else has written, however much that is, as some words."""
    words = str(error)
    return words if len(words) <= most else f"{words[:most]}…"


def _require_few_names(config: AdapterConfig) -> None:
    """Raise where looking for all the names in a model would take minutes."""
    for field in ("target_modules", "exclude_modules", "train_modules"):
        value = getattr(config, field)
        names = [value] if isinstance(value, str) else value
        longest = _NAME if names is value else 100 * _NAME  # of names, or of a pattern
        if len(names) > _NAMES or any(len(name) > longest for name in names):
            raise ValueError(f"{field} has {len(names):,} names, or one without end")


def _require_scales(config: AdapterConfig, modules: dict[str, Shape]) -> None:
    for module, (*_, d1, _) in modules.items():
        if not abs(config.scale(d1)) <= _LARGEST:
            raise ValueError(f"the scale of {module} is no number of float32")


def _files(value: dict[str, str]) -> dict[str, str]:
    if set(value) not in ({"adapter"}, {"adapter", "controller", "averages"}):
        raise ValueError(f"files {list(value)} should be adapter alone, or with controller and averages")
    for name in value.values():
        # The header may come from someone else: it names files in its own folder, and nothing further.
        if not re.fullmatch(r"[a-z]+-[0-9a-f]+\.(json|safetensors)", name):
            raise ValueError(f"{name!r} is no name of a file of ours")
    return dict(value)


def _shape(value: Any, *dimensions: int) -> Shape:
    if not isinstance(value, list) or any(type(size) is not int or size < 0 for size in value):
        raise TypeError(f"shape {value!r} should be a list of sizes")
    shape = tuple(value)
    if dimensions and len(shape) not in dimensions:
        raise ValueError(f"shape {list(value)} should have {' or '.join(map(str, dimensions))} sizes")
    return shape


def _rank(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"rank is {value!r}; it should be a number of triplets")
    return value


def _triplets(value: int, config: AdapterConfig) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= config.rank:
        raise ValueError(f"triplets is {value!r}, with an initial rank of {config.rank}")
    return value
