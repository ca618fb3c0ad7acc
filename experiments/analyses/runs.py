"""What the folder of a run holds for an analysis: the adapter, and where its rank went."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import analysis
from adalora import Allocation, CheckpointError, ConfigError
from adalora.foreign import parse_json
from analysis import AdapterRecord, TripletRow

from .. import files


@dataclass(frozen=True)
class Run:
    """A run, or an adapter alone.

    Attributes:
        label: a name that no other run of the analysis has.
        folder: where it lies.
        records: its matrices.
        history: of its controller; empty where there was none.
        triplets: scores and decisions at each budget update; empty where nobody has written them.
    """

    label: str
    folder: Path
    records: list[AdapterRecord]
    history: list[Allocation]
    triplets: list[TripletRow]


def read_runs(names: Sequence[str], base: str | None) -> list[Run]:
    """Read the folders that a command line names.

    Raises:
        ConfigError: none is named, or one is named twice.
        CheckpointError: a folder holds no adapter, or a file in it is missing or damaged.
    """
    if not names:
        raise ConfigError("no run is named; allowed: folders of runs or adapters.")
    folders = [Path(name) for name in names]
    for number, folder in enumerate(folders):
        if folder.resolve() in [other.resolve() for other in folders[:number]]:
            raise ConfigError(f"{folder} is named twice; allowed: each run once.")
    return [
        Run(
            label,
            folder,
            analysis.read(folder, base=base),
            _history(folder / files.ALLOCATION),
            read_triplets(folder / files.TRIPLETS),
        )
        for folder, label in zip(folders, _labels(folders), strict=True)
    ]


def _labels(folders: Sequence[Path]) -> list[str]:
    """Return the names of the folders, with as much of what is before them as makes them differ."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(len(one) for one in parts) + 1):
        labels = ["/".join(one[-length:]) for one in parts]
        if len(set(labels)) == len(labels):
            break
    return labels


def _history(path: Path) -> list[Allocation]:
    if not path.exists():
        return []
    try:
        return [Allocation(**row) for row in parse_json(path.read_text(encoding="utf-8"))]
    except (OSError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged: {error}. Take another copy of it, or remove it."
        ) from error


def read_triplets(path: Path) -> list[TripletRow]:
    """Return what a run has written at its budget updates; empty where it has written nothing.

    Raises:
        CheckpointError: the file is damaged.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [_row(parse_json(line)) for line in lines]
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged: {error}. Take another copy of it, or remove it."
        ) from error


def _row(value: dict[str, Any]) -> TripletRow:
    scores = {module: np.array(one, dtype=np.float64).ravel() for module, one in value["scores"].items()}
    alive = {module: np.array(one, dtype=np.float64).ravel() for module, one in value["alive"].items()}
    return TripletRow(int(value["step"]), scores, alive)
