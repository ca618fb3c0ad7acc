"""Data sets by their name on the hub, or the same columns from a local folder."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset, load_from_disk
from datasets.exceptions import DatasetGenerationError

from adalora.errors import DataError

from ..checks import did_you_mean
from ..problems import Columns

_BUILDERS = {".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}


@dataclass(frozen=True)
class Source:
    """Where a data set lies on the hub.

    Attributes:
        name: owner and name.
        subset: its configuration, where it has several.
        revision: its branch, where it is not the main one.
        gaps: whether it is known to have rows with empty cells, which are left out then. In a local folder
            such a row may be a mistake, and is told.
        folder: the folder of its plain files in that branch, where there are several data sets in it.
    """

    name: str
    subset: str | None = None
    revision: str | None = None
    gaps: bool = False
    folder: str | None = None


def read(source: Source, path: str | None, splits: Collection[str], columns: Columns) -> dict[str, Dataset]:
    """Return the named splits of a data set.

    Args:
        source: where it lies on the hub.
        path: local folder to read in place of the hub; None asks the hub.
        splits: splits that must be there.
        columns: columns that must be there.

    Raises:
        DataError: neither hub nor folder gives the data, or a split or column is missing or empty.
    """
    origin = path or source.name
    found = _from_folder(Path(path)) if path else _from_hub(source)
    names = (*columns.inputs, columns.target)
    rows: dict[str, Dataset] = {}
    for split in splits:
        _require("split", split, found, origin)
        if not len(found[split]):
            raise DataError(f"{origin}, split {split!r} has no rows; give it some.")
        for column in names:
            _require("column", column, found[split].column_names, f"{origin}, split {split!r},")
        rows[split] = _without_gaps(found[split], names) if source.gaps and not path else found[split]
        for column in names:
            empty = sum(value is None for value in rows[split][column])
            if empty:
                raise DataError(
                    f"{origin}, split {split!r}, column {column!r} has {empty} empty cells; leave "
                    f"those rows out."
                )
    return rows


def _without_gaps(rows: Dataset, names: Collection[str]) -> Dataset:
    full = [all(cells) for cells in zip(*(rows[name] for name in names), strict=True)]
    return rows.select([number for number, whole in enumerate(full) if whole])


def _from_folder(folder: Path) -> Any:
    if (folder / "dataset_dict.json").exists():
        return _from_disk(folder)
    files = {path.stem: path for path in sorted(folder.glob("*")) if path.suffix in _BUILDERS}
    if not files:
        raise DataError(
            f"data.path is {str(folder)!r}, which holds no split; allowed: a folder with one "
            f"{', '.join(_BUILDERS)} file a split, such as train.csv, or one that save_to_disk wrote."
        )
    # A split at a time, so that one called validation_matched is not taken for a piece of validation.
    return {split: _from_file(file) for split, file in files.items()}


def _from_disk(folder: Path) -> Any:
    try:
        return load_from_disk(str(folder))
    except IndexError as error:  # how the library says that there is no table
        raise DataError(f"{folder} has a split without rows; give it some, or leave it out.") from error


def _from_file(file: Path) -> Dataset:
    kind = _BUILDERS[file.suffix]
    # pandas takes None, null and NA for empty cells; they are texts, or names of classes.
    options: dict[str, Any] = {"keep_default_na": False, "na_values": [""]} if kind == "csv" else {}
    try:
        return load_dataset(kind, data_files=str(file), split="train", **options)
    except (DatasetGenerationError, OSError, StopIteration, ValueError) as error:
        raise DataError(
            f"{file} cannot be read as {kind}: {error.__cause__ or error}. Mend the file, "
            f"or take it out of data.path."
        ) from error


def _from_hub(source: Source) -> Any:
    try:
        return load_dataset(source.name, source.subset, data_dir=source.folder, revision=source.revision)
    except Exception as error:
        # The library raises some twenty kinds here: no network, no such name, a gate, a broken download.
        raise DataError(
            f"the data set {source.name!r} could not be read from the hub: {error}. Check name and network, "
            f"or set data.path to a local folder with the same columns."
        ) from error


def _require(kind: str, name: str, names: Iterable[str], origin: str) -> None:
    if name not in names:
        raise DataError(
            f"{origin} has no {kind} {name!r}; it has: {', '.join(names)}.{did_you_mean(name, names)}"
        )
