"""The pictures of an analysis in TensorBoard, while the model trains."""

from pathlib import Path
from typing import Any

from torch import nn
from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

import analysis

from .. import files
from ..methods import controller_of
from . import pictures
from .numbers import RunNumbers
from .runs import Run, read_triplets


class FigureBoard(TrainerCallback):
    """Draws the adapter as it is now, every so many steps and in the end.

    Args:
        writer: where to write.
        callbacks: those of the method; the history of its controller is drawn, if it has one.
        every: optimizer steps between two sets of pictures.
        folder: folder of the run, in which scores and decisions lie.
    """

    def __init__(
        self, writer: SummaryWriter, callbacks: list[TrainerCallback], every: int, folder: Path
    ) -> None:
        self.writer = writer
        self.callbacks = callbacks
        self.every = every
        self.folder = folder
        self._drawn = 0

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module,
        **kwargs: Any,
    ) -> None:
        """Draw, if it is time."""
        if state.global_step % self.every == 0:
            self._draw(model, state.global_step)

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module,
        **kwargs: Any,
    ) -> None:
        """Draw what the training has come to."""
        if state.global_step != self._drawn:
            self._draw(model, state.global_step)

    def _draw(self, model: nn.Module, step: int) -> None:
        controller = controller_of(self.callbacks)
        run = Run(
            label="this run",
            folder=self.folder,
            records=analysis.read(model),
            history=list(controller.history) if controller else [],
            triplets=read_triplets(self.folder / files.TRIPLETS),
        )
        # Without the pretrained weights, whose singular values take longer than the steps between.
        numbers = RunNumbers(run, [analysis.measure(one, weights=False) for one in run.records])
        drawn = {f"analysis/{one.name}": one.figure for one in pictures.of_run(numbers)}
        analysis.log_figures(self.writer, step, drawn)
        self._drawn = step
