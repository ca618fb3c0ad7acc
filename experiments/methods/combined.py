"""LoRA together with trained tokens (Hu et al. 2021, arXiv 2106.09685, appendix E and table 15)."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn
from transformers import TrainerCallback

import adalora

from .. import files
from ..config import RunConfig
from . import adapters
from .modules import Modules


@dataclass(frozen=True)
class Combined:
    """An adapter, and modules beside it. A run keeps both, each in a place of its own.

    Args:
        modules: what stands beside the adapter.
    """

    modules: Modules

    def prepare(self, model: nn.Module, config: RunConfig) -> list[TrainerCallback]:
        """Put both on.

        Raises:
            ConfigError: the modules do not fit the model.
            TargetError: the adapter does not fit the model.
        """
        settings = getattr(config, self.modules.part)
        # Tried first, and on for good behind the adapter, which takes them for layers it does not know.
        self.modules.put_on(model, settings).take_off()
        callbacks = adapters.put_on(model, config)
        self.modules.put_on(model, settings).free()
        return callbacks

    def save(self, model: nn.Module, _: list[TrainerCallback], folder: Path) -> None:
        """Write both. The adapter is not called by that name, for alone it is not what was trained."""
        adalora.save(model, folder / files.FACTORS)
        self.modules.save_own(model, folder)

    def load(self, model: nn.Module, folder: Path) -> None:
        """Put on a model what `save` wrote.

        Raises:
            CheckpointError: one is not there, is damaged, or does not fit the model, which is unchanged then.
        """
        self.modules.restore(model, folder).take_off()  # as in `prepare`
        adalora.load(model, folder / files.FACTORS)
        self.modules.restore(model, folder)
