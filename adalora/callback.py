"""AdaLoRA in the HF Trainer."""

import dataclasses
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from .checkpoint import load, save
from .config import AllocationConfig
from .controller import AdaLoRAController
from .errors import CheckpointError
from .wrappers import shards

FOLDER = "adalora"  # inside a checkpoint of the Trainer


class AdaLoRACallback(TrainerCallback):
    """Controls the rank of a model that a `transformers.Trainer` trains.

    The Trainer's log rows get ``adalora/budget`` and ``adalora/penalty`` beside the task's loss, which never
    contains the penalty. Reporters that the Trainer adds by itself have seen the row by then; to have them
    there too, name the reporter after this callback:
    ``Trainer(…, callbacks=[AdaLoRACallback(…), TensorBoardCallback()])`` with ``report_to="none"``.

    Every checkpoint gets a folder ``adalora`` with adapter and controller, from which
    ``resume_from_checkpoint`` goes on.

    Args:
        config: how rank is allocated; ``total_steps=None`` is filled in from the Trainer.
        name: name of the adapter to control.
        resume_from: the checkpoint given to ``resume_from_checkpoint``, where that is not
            ``output_dir/checkpoint-STEP``: the Trainer does not tell its callbacks.

    Attributes:
        controller: the `AdaLoRAController`, from the start of training on; None before.
    """

    def __init__(
        self, config: AllocationConfig, name: str = "default", resume_from: str | Path | None = None
    ) -> None:
        self.config = config
        self.name = name
        self.resume_from = resume_from
        self.controller: AdaLoRAController | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module,
        optimizer: Optimizer,
        **kwargs: Any,
    ) -> None:
        """Build the controller, take up a resumed run, and attach to the optimizer.

        Raises:
            CheckpointError: the run is resumed from a checkpoint that holds no adapter and controller.
        """
        if self.controller is not None:  # an interrupted training never came to its end
            self.controller.detach()
        config = self.config
        if config.total_steps is None:
            config = dataclasses.replace(config, total_steps=state.max_steps)
        controller = AdaLoRAController(model, config, self.name)
        if state.global_step > 0:
            folder = (
                _adapter_folder(args, state) if self.resume_from is None else Path(self.resume_from) / FOLDER
            )
            if not folder.is_dir():
                raise CheckpointError(
                    f"the run is resumed at step {state.global_step}, but {folder} does not exist; give the "
                    f"checkpoint's folder: AdaLoRACallback(…, resume_from=…)."
                )
            load(model, folder, controller, self.name)
        controller.attach(optimizer)
        self.controller = controller

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        logs: dict[str, float],
        **kwargs: Any,
    ) -> None:
        """Put budget and penalty into the row, for later callbacks and for the Trainer's history."""
        if self.controller is None or "loss" not in logs:
            return
        row = {
            "adalora/budget": float(self.controller.budget),
            "adalora/penalty": float(self.controller.penalty),
        }
        logs.update(row)
        if state.log_history:
            state.log_history[-1].update(row)

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module,
        **kwargs: Any,
    ) -> None:
        """Save adapter and controller beside the Trainer's checkpoint."""
        # The first process writes, and needs the others to put shards together.
        if state.is_world_process_zero or shards(model) is not None:
            save(model, _adapter_folder(args, state), self.controller, self.name)

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Let go of the optimizer; the controller stays for questions."""
        if self.controller is not None:
            self.controller.detach()


def _adapter_folder(args: TrainingArguments, state: TrainerState) -> Path:
    return Path(str(args.output_dir)) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}" / FOLDER
