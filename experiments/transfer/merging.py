"""``adalora merge``: the trained model as a plain one, which `transformers` alone loads."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import PreTrainedModel

import adalora
from adalora.errors import CheckpointError, ConfigError

from .base import Base, find_base
from .probe import answers, largest, largest_difference, probe_of
from .settings import MergeSettings
from .source import ReadRun, find_source, require_output
from .summary import Summary

MARKER = "config.json"
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin", "*.index.json")


def merge(settings: MergeSettings, read_run: ReadRun) -> Summary:
    """Write the merged model and its tokenizer, load it by `transformers`, and compare.

    Args:
        settings: what, and to where.
        read_run: path of a run's settings -> the settings.

    Raises:
        CheckpointError: the source holds no adapter, or one of another model; or the output cannot be
            written.
        ConfigError: the model cannot be a plain one of `transformers`.
        DataError: the base model is not there; the message says how to get it. Nothing has been written in
            each case.
    """
    source = find_source(settings.source, read_run)
    require_output(settings.output, MARKER, [source])
    base = find_base([source], settings.base)
    folder = require_output(settings.output, MARKER, [source], base.place)
    model: Any = base.make()
    _require_plain(model, base, settings)
    source.put_on(model, "default")
    model.eval()
    ranks = {name: layer.rank for name, layer in adalora.adapters(model).items()}
    probe = probe_of(model)
    before = answers(model, probe) if probe else {}

    adalora.unload(model, dequantize=settings.dequantize)
    _write(model, base, folder)
    differences = {}
    if probe:
        loaded = type(model).from_pretrained(folder, dtype=torch.float32).eval()
        words = (
            f"between the model with its adapter and {type(model).__name__}.from_pretrained of this folder"
        )
        differences[words] = largest_difference(before, answers(loaded, probe))
    return Summary(
        title=f"merged {source.folder} into {base.name}: {folder}, a {type(model).__name__} of transformers",
        folder=folder,
        ranks=ranks,
        probe=probe.about if probe else "",
        size=largest(before) if probe else 0.0,
        differences=differences,
        notes=[
            *base.notes,
            *([] if base.processor else ["The base model has no tokenizer, so there is none."]),
        ],
    )


def _require_plain(model: Any, base: Base, settings: MergeSettings) -> None:
    if not isinstance(model, PreTrainedModel):
        raise ConfigError(
            f"SOURCE is {settings.source!r}, whose model is a {type(model).__name__} of ours, which "
            f"transformers alone does not load; allowed: a model of transformers. adalora "
            f"export writes the adapter alone."
        )
    if base.random:
        raise ConfigError(
            f"base is {base.name!r}, and neither it nor the adapter holds {', '.join(base.random[:3])}; "
            f"allowed: the model that was trained, whole."
        )
    rounded = adalora.footprint(model).weights
    known = getattr(model.config, "quantization_config", None) is not None
    if rounded and not known and not settings.dequantize:
        raise ConfigError(
            f"dequantize is off, and the run has quantised {rounded:,} weights of its base, in a form that "
            f"transformers alone does not load; allowed: --dequantize, for floating-point weights."
        )


def _write(model: Any, base: Base, folder: Path) -> None:
    """Write all files beside, then move them; ``config.json``, by which the folder is known, comes last."""
    folder = folder.resolve()
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.unfinished")
    there = [one for one in (folder.parent, *folder.parent.parents) if not one.exists()]
    try:
        beside.mkdir(parents=True)
        model.save_pretrained(beside)
        if base.processor is not None:
            base.processor.save_pretrained(beside)
        folder.mkdir(exist_ok=True)
        (folder / MARKER).unlink(missing_ok=True)
        for stale in (path for pattern in _WEIGHTS for path in folder.glob(pattern)):
            stale.unlink()  # an earlier model may have been cut into other files
        for path in sorted(beside.iterdir(), key=lambda path: path.name == MARKER):
            path.replace(folder / path.name)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        for new in there:
            with suppress(OSError):
                new.rmdir()
        raise CheckpointError(f"could not write to {folder}: {error}; give another folder.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
