"""What is written while a model trains: a line of JSON for every log row, and TensorBoard events."""

import json
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from adalora.allocation import Decision
from analysis import log_controller, log_scalars

from .files import plain
from .methods import controller_of

# The Trainer calls the validation part "eval".
_PREFIXES = {"eval_": "validation_", "adalora/": ""}


def plain_names(logs: dict[str, float]) -> dict[str, float]:
    """Return a log row of the Trainer under the names that our files use."""
    row = {}
    for name, value in logs.items():
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), "")
        row[_PREFIXES.get(prefix, "") + name.removeprefix(prefix)] = value
    return row


class MetricsFile(TrainerCallback):
    """Appends every log row to a file, one JSON object a line, with its step.

    ``loss`` is the task's alone; γ·R stands apart, in ``penalty``.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        logs: dict[str, float],
        **kwargs: Any,
    ) -> None:
        """Write the row."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain({"step": state.global_step, **plain_names(logs)})) + "\n")


class TripletsFile(TrainerCallback):
    """Appends the scores and the decisions of every budget update to a file, one JSON object a line.

    ``scores`` and ``alive`` hold a list for each module, as λ lies; what an earlier update has removed from
    the tensors is left out.

    Args:
        path: the file.
        callbacks: those of the method; nothing is written unless one of them has a controller.
    """

    def __init__(self, path: Path, callbacks: list[TrainerCallback]) -> None:
        self.path = path
        self.callbacks = callbacks
        self._written: Decision | None = None

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Write a line if the step had a budget update."""
        controller = controller_of(self.callbacks)
        decision = controller.decision if controller else None
        if decision is None or decision is self._written:
            return
        self._written = decision
        row = {
            "step": decision.step,
            "scores": {module: one.flatten().tolist() for module, one in decision.scores().items()},
            "alive": {module: one.flatten().int().tolist() for module, one in decision.alive().items()},
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(row)) + "\n")


class Board(TrainerCallback):
    """Writes every log row, and where the rank is, to TensorBoard.

    Args:
        folder: where the events go.
        callbacks: those of the method; if one of them has a controller, its state is written too.
        step: from which the run goes on; what an earlier sitting has written behind it is taken back.
    """

    def __init__(self, folder: Path, callbacks: list[TrainerCallback], step: int = 0) -> None:
        self.writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)
        self.callbacks = callbacks

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        logs: dict[str, float],
        **kwargs: Any,
    ) -> None:
        """Write the row."""
        # Budget and penalty come from the controller below.
        row = {_tag(name): value for name, value in logs.items() if not name.startswith("adalora/")}
        log_scalars(self.writer, state.global_step, row)
        controller = controller_of(self.callbacks)
        if controller is not None and "loss" in logs:
            log_controller(self.writer, controller)
        self.writer.flush()

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Write where the rank is in the end, whatever the last log row was."""
        controller = controller_of(self.callbacks)
        if controller is not None:
            log_controller(self.writer, controller)

    def close(self) -> None:
        """Finish the file."""
        self.writer.close()


def _tag(name: str) -> str:
    """Return a tag with a section: ``loss`` → ``train/loss``, ``eval_loss`` → ``validation/loss``."""
    for prefix, section in (("eval_", "validation"), ("test_", "test")):
        if name.startswith(prefix):
            return f"{section}/{name.removeprefix(prefix)}"
    return f"train/{name}"
