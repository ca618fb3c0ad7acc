"""The files of a run: where they lie, and when they may be written."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from adalora.errors import ConfigError

from .checkpoints import Checkpoint, newest
from .config import RunConfig
from .mappings import flatten

CONFIG, RESULTS = "config.yaml", "results.json"
METRICS, VERSIONS, ALLOCATION = "metrics.jsonl", "versions.json", "allocation.json"
TRIPLETS = "triplets.jsonl"
ADAPTER, HEAD, TRAINED = "adapter", "head.safetensors", "trained.safetensors"
FACTORS = "factors"  # an adapter that is not all that was trained
TENSORBOARD, PICTURES = "tensorboard", "pictures"
REPORT = "report.html"

SITTING = "sitting.json"  # what a run that is being made leaves for the next sitting

_OURS = {
    *(CONFIG, RESULTS, METRICS, VERSIONS, ALLOCATION, TRIPLETS),
    *(ADAPTER, HEAD, TRAINED, FACTORS, TENSORBOARD, PICTURES, REPORT),
}
_CHECKPOINTS = "checkpoint-*"
_OF_THE_SITTING = ("output_dir", "overwrite", "resume", "tensorboard_figures_every")


def path_of(config: RunConfig) -> Path:
    """Return where the finished run lies."""
    return Path(config.output_dir) / config.name


def workshop_of(config: RunConfig) -> Path:
    """Return where the run is made. It moves to `path_of` when it is finished, so a run there is whole."""
    return Path(config.output_dir) / f".{config.name}.unfinished"


def require_free(config: RunConfig) -> None:
    """Raise unless the run may be written; nothing is touched.

    Raises:
        ConfigError: a finished run of that name is there and ``overwrite`` is false, the folder holds what
            no run has written, or an unfinished run has checkpoints or trained weights, which
            ``overwrite`` does not give up.
    """
    workshop = workshop_of(config)
    trained = [len(list(workshop.glob(pattern))) for pattern in (_CHECKPOINTS, ADAPTER, HEAD, TRAINED)]
    if any(trained) and not config.overwrite:
        words = (f"{trained[0]} checkpoints", "a trained adapter", "a trained head", "trained weights")
        held = " and ".join(word for word, number in zip(words, trained, strict=True) if number)
        raise ConfigError(
            f"name is {config.name!r}, but {workshop} holds an unfinished run of that name with {held}; set "
            f"resume: true to go on with it, overwrite: true to begin anew, or give another name."
        )
    _require_no_run(config)


def _require_no_run(config: RunConfig) -> None:
    """Raise unless the place of the finished run is free, or may be replaced."""
    folder = path_of(config)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    run = folder.is_dir() and not folder.is_symlink() and (folder / RESULTS).exists()
    others = {path.name for path in folder.iterdir()} - _OURS if run else set()
    strange = sorted(name for name in others if not Path(name).match(_CHECKPOINTS))
    if not run or strange:
        what = (
            f"holds {', '.join(strange[:3])}, which no run has written" if strange else "is no finished run"
        )
        raise ConfigError(f"name is {config.name!r}, but {folder} {what}; give another name.")
    if not config.overwrite:
        raise ConfigError(
            f"name is {config.name!r}, but {folder} holds a finished run of that name; give another name, or "
            f"set overwrite: true to replace it."
        )


def make(config: RunConfig) -> Path:
    """Return a new folder to make the run in, with nothing in it but the settings.

    Raises:
        ConfigError: the run may not be written, see `require_free`, or ``output_dir`` cannot be written to.
    """
    require_free(config)
    folder = workshop_of(config)
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / CONFIG).write_text(to_yaml(config), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"output_dir is {config.output_dir!r}, where {folder.name} cannot be written: {error}; allowed: "
            f"a folder that you may write to."
        ) from error
    return folder


def find_unfinished(config: RunConfig) -> tuple[Path, Checkpoint]:
    """Return the folder of an unfinished run, and the checkpoint to go on from; nothing is touched.

    Raises:
        ConfigError: a finished run of that name is there, there is none to go on with, it has other settings,
            or it has no whole checkpoint.
    """
    folder = workshop_of(config)
    name = f"resume is true, but {folder}"
    try:
        found = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError, yaml.YAMLError) as error:
        _require_no_run(config)
        raise ConfigError(
            f"{name} holds no unfinished run of the name {config.name!r}; leave resume out to begin one."
        ) from error
    # What it was allowed to replace when it was begun, it may replace now.
    begun = isinstance(found, Mapping) and found.get("overwrite") is True
    _require_no_run(replace(config, overwrite=begun, resume=False))
    differing = _differing(found, yaml.safe_load(to_yaml(config)))
    if differing:
        raise ConfigError(
            f"{name} has other settings: {', '.join(differing)}; allowed: those of "
            f"{folder / CONFIG}, with which it was begun."
        )
    checkpoint = newest(folder)
    if checkpoint is None:
        raise ConfigError(
            f"{name} has no whole checkpoint (training.save_every is {config.training.save_every}); set "
            f"overwrite: true to begin anew."
        )
    return folder, checkpoint


def _differing(found: Any, wanted: Mapping[str, Any]) -> list[str]:
    """Name the settings that a saved run has otherwise, apart from those that do not matter to it."""
    saved, here = flatten(found if isinstance(found, Mapping) else {}), flatten(wanted)
    names = [name for name in here if name not in _OF_THE_SITTING]
    return [f"{name} {saved.get(name)!r} → {here[name]!r}" for name in names if saved.get(name) != here[name]]


def publish(config: RunConfig) -> Path:
    """Move a run that is finished to its place, and only then remove the one that it replaces."""
    folder, workshop = path_of(config), workshop_of(config)
    (workshop / SITTING).unlink(missing_ok=True)
    replaced = workshop.with_suffix(".replaced")
    if folder.exists():
        if replaced.exists():  # left by a crash in this place, behind a run that is whole
            shutil.rmtree(replaced)
        folder.replace(replaced)
    workshop.replace(folder)
    if replaced.exists():
        shutil.rmtree(replaced)
    return folder


def to_yaml(config: RunConfig) -> str:
    """Return the settings as YAML that ``adalora train`` reads back to equal ones."""
    text: str = yaml.dump(asdict(config), Dumper=_Quoting, sort_keys=False, allow_unicode=True)
    return text


class _Quoting(yaml.SafeDumper):
    """Quotes text that reads as a number: YAML's readers do not agree on some, such as 1e5."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if _reads_as_number(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _reads_as_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


_Quoting.add_representer(str, _text)


def plain(value: Any) -> Any:
    """Return nested data with None in place of NaN and infinite numbers, which JSON does not have."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON."""
    beside = path.with_name(f".{path.name}")  # whole or not at all
    beside.write_text(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(path)


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """Return the rows of ``metrics.jsonl``; a number that was not finite is left out."""
    lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [{key: value for key, value in row.items() if value is not None} for row in rows]
