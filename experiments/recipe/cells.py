"""The runs: which methods on which tasks, at which budget, learning rate and seed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from adalora import AdapterConfig, AllocationConfig

from ..config import BaselineConfig, DataConfig, EvaluationConfig, RunConfig, TrainingConfig

RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
CHOOSING_SEEDS = (0, 1)  # those whose validation rows decide on the learning rate


@dataclass(frozen=True)
class Ground:
    """A task, and what all methods do alike on it.

    Attributes:
        model: what is trained.
        targets: which modules are adapted, and which are trained in full.
        data: rows and lengths.
        evaluation: how it is measured.
        batch: rows in a step.
        share: of the steps that the other tasks take.
        seeds: of the comparison.
    """

    model: str
    targets: Mapping[str, Any]
    data: DataConfig
    evaluation: EvaluationConfig
    batch: int = 16
    share: float = 1.0
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


_CLASSES = Ground(
    model="minilm",
    targets=MappingProxyType(
        {
            "target_modules": ["query", "key", "value", "dense"],
            "exclude_modules": ["pooler"],
            "train_modules": ["classifier"],
        }
    ),
    data=DataConfig(max_length=64, train_rows=8000),
    evaluation=EvaluationConfig(batch_size=100),
)
GROUNDS: Mapping[str, Ground] = MappingProxyType(
    {
        "rotten_tomatoes": _CLASSES,
        "wordnet24": _CLASSES,
        "wordnet_definitions": Ground(
            model="smollm2",
            targets=MappingProxyType({"target_modules": "all-linear"}),
            data=DataConfig(max_length=16, target_length=24, train_rows=4000, eval_rows=200),
            evaluation=EvaluationConfig(batch_size=50, beams=1),
            batch=8,
            share=0.5,
            seeds=(0, 1, 2),
        ),
    }
)


@dataclass(frozen=True)
class Settings:
    """What AdaLoRA does, apart from its budget; the defaults are the recipe.

    Attributes:
        scaling: of the update; with ``"width"`` its first steps are as long as LoRA's.
        init: how P and Q start.
        left_ratio: learning rate of P and λ over that of the rest.
        warmup: share of the steps at the full budget.
        final: share of the steps with the pattern frozen.
        orthogonality: γ.
        orthogonality_form: of the penalty.
        scorer: what decides on the rank.
        schedule: curve of the budget.
    """

    scaling: str = "width"
    init: str = "orthogonal"
    left_ratio: float = 1.0
    warmup: float = 0.2
    final: float = 0.3
    orthogonality: float = 0.0
    orthogonality_form: str = "squared_sum"
    scorer: str = "sensitivity_uncertainty"
    schedule: str = "cubic"


RECIPE = Settings()


@dataclass(frozen=True)
class Contender:
    """A method on a task.

    Attributes:
        task: one of `GROUNDS`.
        method: ``"adalora"``, or one of a fixed rank: ``"lora"``, ``"rslora"``, ``"dora"``.
        budget: final rank of a matrix, on average.
        settings: of AdaLoRA.
        changed: what of the recipe is changed in an ablation; empty for the recipe itself.
    """

    task: str
    method: str
    budget: int
    settings: Settings = RECIPE
    changed: str = ""


_METHODS = (("adalora", 2), ("lora", 2), ("adalora", 8), ("lora", 8), ("rslora", 8), ("dora", 8))
CONTENDERS = (
    *(Contender(task, *method) for task in ("rotten_tomatoes", "wordnet24") for method in _METHODS),
    Contender("wordnet_definitions", "adalora", 8),
    Contender("wordnet_definitions", "lora", 8),
)

# One ingredient at a time, back to what the paper or the authors' code does, or to another choice.
_CHANGES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "start: gaussian": {"init": "gaussian"},
        "scale: α/r": {"scaling": "lora"},
        "rate of P and λ: 4 times": {"left_ratio": 4.0},
        "warm-up: 40 % of the steps": {"warmup": 0.4},
        "final phase: 50 % of the steps": {"final": 0.5},
        "penalty: mean norm, γ = 0.1": {"orthogonality": 0.1, "orthogonality_form": "mean_norm"},
        "penalty: squared, γ = 0.1": {"orthogonality": 0.1},
        "scorer: sensitivity": {"scorer": "sensitivity"},
        "scorer: magnitude of λ": {"scorer": "magnitude"},
        "schedule: linear": {"schedule": "linear"},
    }
)
ABLATIONS = tuple(
    Contender("rotten_tomatoes", "adalora", 8, replace(RECIPE, **change), words)
    for words, change in _CHANGES.items()
)


def cell(contender: Contender, rate: float, seed: int, *, steps: int) -> RunConfig:
    """Return the settings of one run.

    All methods have the same rows in the same order, the same head at the start and the same α/r of 2;
    AdaLoRA starts with half as much rank again as it is to keep.

    Args:
        contender: task, method and budget.
        rate: learning rate.
        seed: of the run.
        steps: optimizer steps of a task that takes its full share.
    """
    ground = GROUNDS[contender.task]
    steps = int(ground.share * steps)
    words = [contender.task, contender.method, str(contender.budget), f"{rate:g}", str(seed)]
    config = RunConfig(
        name="-".join(words),
        task=contender.task,
        model=ground.model,
        seed=seed,
        training=TrainingConfig(
            learning_rate=rate, max_steps=steps, batch_size=ground.batch, lr_warmup=float(steps // 10)
        ),
        data=ground.data,
        evaluation=ground.evaluation,
        baseline=BaselineConfig(head=False),
    )
    if contender.method == "adalora":
        return _adaptive(config, contender)
    adapter = AdapterConfig(
        update="lora",
        rank=contender.budget,
        alpha=2.0 * contender.budget,
        init="kaiming",
        scaling="rslora" if contender.method == "rslora" else "lora",
        dora=contender.method == "dora",
        **ground.targets,
    )
    return replace(config, method="lora", adapter=adapter)


def _adaptive(config: RunConfig, contender: Contender) -> RunConfig:
    budget, settings = contender.budget, contender.settings
    rank, steps = budget * 3 // 2, config.training.max_steps or 0
    words: Any = settings  # the literals of the two are the same
    adapter = AdapterConfig(
        rank=rank, alpha=2.0 * rank, scaling=words.scaling, init=words.init, **GROUNDS[contender.task].targets
    )
    allocation = AllocationConfig(
        target_rank=budget,
        warmup_steps=int(settings.warmup * steps),
        final_steps=int(settings.final * steps),
        interval=max(1, steps // 40),
        orthogonality=settings.orthogonality,
        orthogonality_form=words.orthogonality_form,
        scorer=settings.scorer,
        schedule=words.schedule,
    )
    training = replace(config.training, left_ratio=settings.left_ratio)
    return replace(config, adapter=adapter, allocation=allocation, training=training)
