"""What a full disk leads to: an error with path and space, and older checkpoints that stay."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn
from transformers import Trainer
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from adalora.errors import CheckpointError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def guard_checkpoints(trainer: Trainer) -> None:
    """Let a trainer that cannot write a checkpoint raise a `CheckpointError`, without half of one."""
    write: Any = trainer._save_checkpoint

    def guarded(model: nn.Module, *args: Any, **words: Any) -> None:
        place = Path(trainer.args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{trainer.state.global_step}"
        try:
            write(model, *args, **words)
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(place, ignore_errors=True)  # it bears no mark yet, and takes the little room
            raise CheckpointError(
                f"{place} cannot be written: {str(error)[:500]}. It needs about {_needed(model):,} bytes, "
                f"and {free(place.parent)}; make room, and go on from the one before it with resume: true."
            ) from error

    trainer._save_checkpoint = guarded


@contextmanager
def told() -> Iterator[None]:
    """Say in our own error that the disk is full, whichever file of a run did not go on it.

    Raises:
        CheckpointError: it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise CheckpointError(
            f"{error.filename or 'a file of the run'} cannot be written: {error.strerror}; make room, and go "
            f"on with resume: true, or begin anew where there is no checkpoint."
        ) from error


def free(folder: Path) -> str:
    """Return the space that is left for files in a folder, in words."""
    try:
        return f"{shutil.disk_usage(folder).free:,} are free"
    except OSError:
        return "nobody can tell how many are free"


def _needed(model: nn.Module) -> int:
    """Return the bytes of weights and of AdamW's two averages."""
    tensors = (*model.parameters(), *model.buffers())
    state = sum(2 * p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) + state
