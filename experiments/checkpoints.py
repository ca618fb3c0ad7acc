"""Checkpoints of an unfinished run: which of them are whole, and what the Trainer leaves out of them."""

import json
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from adalora.errors import CheckpointError
from adalora.files import flush, read_tensors_file

_MARK = "whole.json"
_REST = "rest.safetensors"
_OF_THE_END = ("train_runtime", "test_")


class Finished(Exception):  # noqa: N818 - it is no error
    """The checkpoint is of the last step: there is nothing left to train."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was written to its end.

    Attributes:
        folder: where it lies.
        step: optimizer steps taken by then.
        seconds: time of training by then.
    """

    folder: Path
    step: int
    seconds: float


class End(TrainerCallback):
    """Ends a training that goes on from its last step; stands behind all others, which have begun by then.

    The Trainer looks for the end only behind a step, and would take one too many.
    """

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Look whether there is a step left.

        Raises:
            Finished: there is none.
        """
        if state.global_step >= state.max_steps:
            raise Finished


class Mark(TrainerCallback):
    """Completes every checkpoint and marks it as whole; stands behind all others that write a part of one.

    The Trainer writes a checkpoint file by file: what a crash leaves of one bears no mark. It writes weights
    under the names that the model had where it was stored, such as ``LayerNorm.gamma``, and passes over them
    when it reads them back: trained weights that are not there by their own name are kept beside them.

    Args:
        checkpoint: that the training goes on from; None where it begins.
    """

    def __init__(self, checkpoint: Checkpoint | None = None) -> None:
        self._from = checkpoint
        self._begun = 0.0

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module,
        **kwargs: Any,
    ) -> None:
        """Put in what the Trainer has not, and begin to take the time.

        Raises:
            CheckpointError: a weight of the checkpoint does not fit.
        """
        if self._from is not None:
            _read_rest(self._from.folder / _REST, model)
        self._begun = time.perf_counter()

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module,
        **kwargs: Any,
    ) -> None:
        """Write what is missing, and the mark, whole or not at all."""
        if not state.is_world_process_zero:
            return
        folder = Path(str(args.output_dir)) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        _write_rest(folder, model)
        before = self._from.seconds if self._from else 0.0
        mark = {
            "step": state.global_step,
            "seconds": before + time.perf_counter() - self._begun,
            "files": _sizes(folder),
        }
        beside = folder / f".{_MARK}"
        beside.write_text(json.dumps(mark), encoding="utf-8")
        # A power cut must not leave a mark on files that were still on their way to the disk.
        for path in folder.rglob("*"):
            flush(path)
        flush(folder)
        beside.replace(folder / _MARK)
        flush(folder)


def _write_rest(folder: Path, model: nn.Module) -> None:
    """Write the trained weights that the checkpoint does not hold by their names."""
    there: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            there.update(file.keys())
    rest = {
        name: weight.detach().cpu().contiguous()
        for name, weight in model.named_parameters()
        if weight.requires_grad and name not in there
    }
    if rest:
        save_file(rest, folder / _REST)


@torch.no_grad()
def _read_rest(path: Path, model: nn.Module) -> None:
    if not path.exists():
        return
    own = dict(model.named_parameters())
    rest = read_tensors_file(path)
    for name, tensor in rest.items():
        if name not in own or own[name].shape != tensor.shape:
            raise CheckpointError(f"{path} holds {name!r}, which does not fit the model of the run.")
    for name, tensor in rest.items():
        own[name].copy_(tensor)


def _sizes(folder: Path) -> dict[str, int]:
    """Return the size of every file of a checkpoint by its name."""
    own = (_MARK, f".{_MARK}")
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in own)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def newest(folder: Path) -> Checkpoint | None:
    """Return the newest whole checkpoint in the folder of a run; None where there is none."""
    found = (_read(path) for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*/{_MARK}"))
    whole = [one for one in found if one is not None]
    return max(whole, key=lambda one: one.step, default=None)


def remove_halves(folder: Path) -> None:
    """Remove what crashes have left of checkpoints: the Trainer would count them among those it keeps."""
    for place in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        if _read(place / _MARK) is None:
            shutil.rmtree(place, ignore_errors=True)


def _read(mark: Path) -> Checkpoint | None:
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
        step, seconds, files = int(found["step"]), float(found["seconds"]), dict(found["files"])
        whole = _sizes(mark.parent) == files and mark.parent.name.endswith(f"-{step}")
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return Checkpoint(mark.parent, step, seconds) if whole else None


def cut_records(paths: Iterable[Path], step: int) -> None:
    """Take out of files with one JSON object a line what was written behind a step, or at the end of all.

    Half a line goes, too.
    """
    for path in paths:
        if path.exists():
            kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _stays(line, step)]
            path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _stays(line: str, step: int) -> bool:
    try:
        row: Mapping[str, Any] = json.loads(line)
        return int(row["step"]) <= step and not any(name.startswith(_OF_THE_END) for name in row)
    except (KeyError, TypeError, ValueError):
        return False
