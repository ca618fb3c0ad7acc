"""Checkpoints of an unfinished run: which of them are whole, and what else the run has left."""

import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from adalora.files import flush

_MARK = "whole.json"


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


class Mark(TrainerCallback):
    """Marks every checkpoint as whole, once all that stands before it has written its part.

    The Trainer writes a checkpoint file by file: what a crash leaves of one bears no mark.

    Args:
        seconds: time of training that earlier sittings took.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._before, self._begun = seconds, 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin to take the time."""
        self._begun = time.perf_counter()

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Write the mark, whole or not at all."""
        if not state.is_world_process_zero:
            return
        folder = Path(str(args.output_dir)) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        seconds = self._before + time.perf_counter() - self._begun
        beside = folder / f".{_MARK}"
        beside.write_text(json.dumps({"step": state.global_step, "seconds": seconds}), encoding="utf-8")
        # A power cut must not leave a mark on files that were still on their way to the disk.
        for path in folder.rglob("*"):
            flush(path)
        flush(folder)
        beside.replace(folder / _MARK)
        flush(folder)


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
        step, seconds = int(found["step"]), float(found["seconds"])
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return Checkpoint(mark.parent, step, seconds) if mark.parent.name.endswith(f"-{step}") else None


def cut_records(paths: Iterable[Path], step: int) -> None:
    """Take out of files with one JSON object a line what was written behind a step; half a line, too."""
    for path in paths:
        if path.exists():
            kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _until(line, step)]
            path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _until(line: str, step: int) -> bool:
    try:
        return int(json.loads(line)["step"]) <= step
    except (KeyError, TypeError, ValueError):
        return False
