"""The end of a training that was asked to end: behind the step, with a checkpoint."""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .stop import Listener, Terminated


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
