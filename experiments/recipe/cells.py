"""The runs: which methods on which tasks, at which budget, learning rate and seed."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from adalora import AdapterConfig, AllocationConfig

from ..config import BaselineConfig, DataConfig, EvaluationConfig, RunConfig, TrainingConfig

RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
FAST_RATES = RATES[2:]  # for variants of what learns best there
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
        scale: α over the initial rank; of the other methods too.
        scaling: of the update; with ``"width"`` its first steps are as long as LoRA's.
        spare: initial rank over the budget.
        init: how P and Q start.
        left_ratio: learning rate of P and λ over that of the rest.
        warmup: share of the steps at the full budget.
        final: share of the steps with the pattern frozen.
        every: steps between two decisions on the rank; 0 for a fortieth of all.
        orthogonality: γ.
        orthogonality_form: of the penalty.
        scorer: what decides on the rank.
        schedule: curve of the budget.
        budget_unit: what the budget counts.
    """

    scale: float = 2.0
    scaling: str = "lora"
    spare: float = 1.5
    init: str = "orthogonal"
    left_ratio: float = 1.0
    warmup: float = 0.2
    final: float = 0.3
    every: int = 0
    orthogonality: float = 0.0
    orthogonality_form: str = "squared_sum"
    scorer: str = "sensitivity_uncertainty"
    schedule: str = "cubic"
    budget_unit: str = "rank"


RECIPE = Settings()


@dataclass(frozen=True)
class Contender:
    """A method on a task.

    Attributes:
        task: one of `GROUNDS`.
        method: ``"adalora"``, or one of a fixed rank: ``"lora"``, ``"rslora"``, ``"dora"``.
        budget: final rank of a matrix, on average.
        settings: of AdaLoRA; the other methods take the scale.
        changed: what is changed, of the recipe or of the method as it is known; empty where nothing is.
        rates: learning rates to choose from.
    """

    task: str
    method: str
    budget: int
    settings: Settings = RECIPE
    changed: str = ""
    rates: tuple[float, ...] = RATES


_METHODS = (("adalora", 2), ("lora", 2), ("adalora", 8), ("lora", 8), ("rslora", 8), ("dora", 8))
_METHODS_AND_TASKS = (
    *((task, *method) for task in ("rotten_tomatoes", "wordnet24") for method in _METHODS),
    ("wordnet_definitions", "adalora", 8),
    ("wordnet_definitions", "lora", 8),
)
# The first form of the recipe: as long in its first step as LoRA. Its test rows were looked at before the
# present form was chosen, on validation rows.
_LONG = replace(RECIPE, scaling="width")
# And what the other side gets from the change that made the difference: LoRA, as short in its first step as
# the recipe in matrices of 384 rows.
_SHORT = replace(RECIPE, scale=2 * math.sqrt(3 / 384))
CONTENDERS = (
    *(Contender(*one) for one in _METHODS_AND_TASKS),
    *(
        Contender(*one, settings=_LONG, changed="long first steps")
        for one in _METHODS_AND_TASKS
        if one[1] == "adalora"
    ),
    *(
        Contender(task, "lora", budget, _SHORT, "short first steps", FAST_RATES)
        for task in ("wordnet24", "rotten_tomatoes")
        for budget in (2, 8)
    ),
)

# What was tried around the first form, one change at a time: what led to the present one.
_PENALTY: Mapping[str, Any] = MappingProxyType({"orthogonality": 0.1, "orthogonality_form": "mean_norm"})
_TRIED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "nothing: long first steps": {},
        "start: gaussian": {"init": "gaussian"},
        "scale: α/r": {"scaling": "lora"},
        "rate of P and λ: 4 times": {"left_ratio": 4.0},
        "warm-up: 40 % of the steps": {"warmup": 0.4},
        "final phase: 50 % of the steps": {"final": 0.5},
        "penalty: mean norm, γ = 0.1": _PENALTY,
    }
)
TRIALS = tuple(
    Contender("rotten_tomatoes", "adalora", 8, replace(_LONG, **change), words)
    for words, change in _TRIED.items()
)

# The forms among which validation rows have decided.
FORMS = tuple(
    Contender(task, "adalora", budget, settings, words, RATES[3:])
    for words, settings in (
        ("short first steps, no penalty", RECIPE),
        ("short first steps, penalty", replace(RECIPE, **_PENALTY)),
        ("long first steps, no penalty", _LONG),
        ("long first steps, penalty", replace(_LONG, **_PENALTY)),
    )
    for task in ("rotten_tomatoes", "wordnet24")
    for budget in (2, 8)
)

# One ingredient at a time, to what the paper or the authors' code does, or to another choice.
_CHANGES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "start: gaussian": {"init": "gaussian"},
        "scale: by width": {"scaling": "width"},
        "scale: 4 times": {"scale": 8.0},  # or λ's rate, but for clipping: see `derivation`
        "rate of P and λ: 4 times": {"left_ratio": 4.0},
        "warm-up: 40 % of the steps": {"warmup": 0.4},
        "final phase: 50 % of the steps": {"final": 0.5},
        "penalty: mean norm, γ = 0.1": _PENALTY,
        "penalty: squared, γ = 0.1": {"orthogonality": 0.1},
        "scorer: sensitivity": {"scorer": "sensitivity"},
        "scorer: magnitude of λ": {"scorer": "magnitude"},
        "schedule: linear": {"schedule": "linear"},
        "budget: in parameters": {"budget_unit": "parameter"},
        "rank: 8 from the start, none pruned": {"spare": 1.0},
        "all of it: as recipe='paper' has it": {
            "init": "gaussian",
            "scale": 16 / 12,
            "warmup": 0.0,
            "final": 0.0,
            "every": 10,
            **_PENALTY,
        },
    }
)
ABLATED = Contender("wordnet24", "adalora", 8)
ABLATIONS = tuple(
    replace(ABLATED, settings=replace(RECIPE, **change), changed=words, rates=FAST_RATES)
    for words, change in _CHANGES.items()
)


def cell(contender: Contender, rate: float, seed: int, *, steps: int) -> RunConfig:
    """Return the settings of one run.

    All methods have the same rows in the same order and the same head at the start.

    Args:
        contender: task, method and budget.
        rate: learning rate.
        seed: of the run.
        steps: optimizer steps of a task that takes its full share.
    """
    ground = GROUNDS[contender.task]
    steps = int(ground.share * steps)
    words = [contender.task, contender.method, str(contender.budget), f"{rate:g}", str(seed)]
    words += re.findall(r"[A-Za-z0-9]+", contender.changed)
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
        alpha=contender.settings.scale * contender.budget,
        init="kaiming",
        scaling="rslora" if contender.method == "rslora" else "lora",
        dora=contender.method == "dora",
        **ground.targets,
    )
    return replace(config, method="lora", adapter=adapter)


def _adaptive(config: RunConfig, contender: Contender) -> RunConfig:
    budget, settings = contender.budget, contender.settings
    rank, steps = int(settings.spare * budget), config.training.max_steps or 0
    words: Any = settings  # the literals of the two are the same
    adapter = AdapterConfig(
        rank=rank,
        alpha=settings.scale * rank,
        scaling=words.scaling,
        init=words.init,
        **GROUNDS[contender.task].targets,
    )
    allocation = AllocationConfig(
        target_rank=budget,
        warmup_steps=int(settings.warmup * steps),
        final_steps=int(settings.final * steps),
        interval=settings.every or max(1, steps // 40),
        orthogonality=settings.orthogonality,
        orthogonality_form=words.orthogonality_form,
        scorer=settings.scorer,
        schedule=words.schedule,
        budget_unit=words.budget_unit,
    )
    training = replace(config.training, left_ratio=settings.left_ratio)
    return replace(config, adapter=adapter, allocation=allocation, training=training)
