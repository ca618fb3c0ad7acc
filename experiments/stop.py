"""SIGTERM, as a cluster sends it before it kills: one more checkpoint, and the end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

CODE = 128 + signal.SIGTERM  # of a process that has ended by this signal, as shells count


class Terminated(BaseException):
    """The process was asked to end; the message says how the run goes on. No error, so none handles it."""


class Listener:
    """Remembers that SIGTERM has come while a model trains; at any other time it ends the process at once.

    Attributes:
        asked: whether it has come.
        training: whether a training would notice.
    """

    def __init__(self) -> None:
        self.asked = self.training = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take the signal; the second one is not waited with."""
        if self.asked or not self.training:
            raise Terminated("ended by SIGTERM, without a checkpoint of this moment.")
        self.asked = True


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen for SIGTERM inside the block; outside the main thread of a process nobody can."""
    listener = Listener()
    if threading.current_thread() is not threading.main_thread():
        yield listener
        return
    before = signal.signal(signal.SIGTERM, listener)
    try:
        yield listener
    finally:
        signal.signal(signal.SIGTERM, before)


class StopAtStep(TrainerCallback):
    """Ends a training behind the step in which it was asked to, with a checkpoint of it.

    It stands behind what marks checkpoints as whole.

    Args:
        listener: who is asked.
        keeps: whether a run can go on from a checkpoint of this training; a baseline begins anew.
    """

    def __init__(self, listener: Listener, *, keeps: bool) -> None:
        self.listener, self.keeps = listener, keeps

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """From here on there is something to wait for."""
        self.listener.training = True

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Ask for a checkpoint, or end, if there is none to be had."""
        if self.listener.asked and not self.keeps:
            raise Terminated("ended by SIGTERM before the run's own training; run it again to begin anew.")
        control.should_save = control.should_save or self.listener.asked

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Ask for a checkpoint: the signal may have come while the validation part was looked at."""
        control.should_save = control.should_save or (self.listener.asked and self.keeps)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End: the checkpoint is whole."""
        if self.listener.asked:
            raise Terminated(
                f"ended by SIGTERM at step {state.global_step}, with a checkpoint; run the same command with "
                f"--resume true to go on."
            )

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """From here on nobody would notice."""
        self.listener.training = False
        if self.listener.asked:
            raise Terminated("ended by SIGTERM behind the last step; --resume true repeats what is missing.")
