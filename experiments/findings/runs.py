"""Which runs are trained, and where they lie."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from .. import files
from ..config import RunConfig
from ..train import train


@dataclass(frozen=True)
class Planned:
    """A run.

    Attributes:
        label: as tables and pictures say it.
        recipe: the shipped settings that it takes: ``"lora"`` or ``"adalora"``.
        rank: initial rank.
        seed: its own: runs of one seed would start from the same numbers, and share directions for that.
    """

    label: str
    recipe: str
    rank: int
    seed: int


RUNS: Mapping[str, Planned] = MappingProxyType(
    {
        "lora-r2": Planned("LoRA r = 2", "lora", 2, 0),
        "lora-r8": Planned("LoRA r = 8", "lora", 8, 1),
        "lora-r64": Planned("LoRA r = 64", "lora", 64, 2),
        "lora-r64-again": Planned("LoRA r = 64, another seed", "lora", 64, 3),
        "adalora": Planned("AdaLoRA", "adalora", 12, 4),
        "adalora-again": Planned("AdaLoRA, another seed", "adalora", 12, 5),
    }
)


def settings(name: str, recipes: Mapping[str, RunConfig], output_dir: str, steps: int | None) -> RunConfig:
    """Return the settings of a run.

    Args:
        name: in `RUNS`.
        recipes: the shipped settings by name.
        output_dir: where the runs go.
        steps: of each run; None for those of the recipe. A run of another length keeps the shares of its
            phases.
    """
    planned = RUNS[name]
    recipe = recipes[planned.recipe]
    adapter = replace(recipe.adapter, rank=planned.rank)
    if planned.recipe == "lora":
        # s falls with √r, as in rsLoRA: the first steps are then equally long at every rank. With one s for
        # all, r = 64 did not learn at this learning rate.
        alpha = recipe.adapter.alpha / math.sqrt(recipe.adapter.rank)
        adapter = replace(adapter, scaling="rslora", alpha=alpha)
    config = replace(
        recipe,
        name=name,
        seed=planned.seed,
        output_dir=output_dir,
        overwrite=True,  # of a run with other settings: `train_all` leaves one with the same settings alone
        adapter=adapter,
    )
    if steps is None:
        return config
    share = steps / (recipe.training.max_steps or steps)
    allocation = replace(
        recipe.allocation,
        warmup_steps=_shortened(recipe.allocation.warmup_steps, share),
        final_steps=_shortened(recipe.allocation.final_steps, share),
    )
    training = replace(
        recipe.training, max_steps=steps, lr_warmup=float(int(share * recipe.training.lr_warmup))
    )
    return replace(config, training=training, allocation=allocation)


def _shortened(steps: float, share: float) -> float:
    return steps if steps < 1 else int(share * steps)  # below 1 it is a share of any length


def finished(config: RunConfig) -> bool:
    """Say whether a run with these very settings is there, and whole."""
    path = files.path_of(config)
    return (path / files.RESULTS).exists() and (path / files.CONFIG).read_text(
        encoding="utf-8"
    ) == files.to_yaml(config)


def train_all(configs: Mapping[str, RunConfig]) -> dict[str, Path]:
    """Train what is not there yet, and return the folder of each run by name."""
    for config in configs.values():
        if not finished(config):
            train(config)
    return {name: files.path_of(config) for name, config in configs.items()}
