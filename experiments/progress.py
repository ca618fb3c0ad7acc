"""The progress bars of a run: numbers at the end of a bar, instead of a line for every log row."""

from typing import Any

from transformers import TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ProgressCallback

_SHOWN = {"loss": "loss", "adalora/budget": "budget"}


class Progress(ProgressCallback):
    """tqdm's bar over the optimizer steps, with the latest loss and budget.

    Args:
        label: what stands before the bar.
    """

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label
        self._shown: dict[str, str] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the bar."""
        super().on_train_begin(args, state, control, **kwargs)
        if self.training_bar is not None:
            self.training_bar.set_description(self.label)

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Advance the bar of a measurement."""
        super().on_prediction_step(args, state, control, **kwargs)
        if self.prediction_bar is not None:
            self.prediction_bar.set_description(f"measuring {self.label}", refresh=False)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Bring the numbers up to date."""
        self._shown |= {_SHOWN[key]: f"{value:.4g}" for key, value in (logs or {}).items() if key in _SHOWN}
        if self.training_bar is not None:
            self.training_bar.set_postfix(self._shown)
