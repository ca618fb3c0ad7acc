"""Settings of an adapter and of its rank allocation, as frozen and validated data."""

from dataclasses import dataclass, field
from math import inf
from typing import Literal

import schedulers

from .errors import ConfigError


def _require(allowed: bool, name: str, value: object, what: str) -> None:
    if not allowed:
        raise ConfigError(f"{name} is {value!r}; allowed: {what}.")


@dataclass(frozen=True)
class AdapterConfig:
    """What is put on a model, and where.

    Args:
        update: kind of update; ``"svd"`` is ΔW = s·P diag(λ) Q.
        rank: initial rank r of every adapted matrix; 1 ≤ r ≤ min(d₁, d₂).
        alpha: α of the scaling s; at least 0.
        target_modules: module-name suffixes (``"query"`` matches ``…attention.self.query``), or one regular
            expression that must match a whole module name, or ``"all-linear"``.
        exclude_modules: suffixes of modules that are left alone even if they match.
        train_modules: suffixes of modules that are trained in full, such as a new classifier head.
        scaling: ``"lora"`` gives s = α/r, ``"rslora"`` gives s = α/√r (Kalajdzievski 2023). r is the
            initial rank: s does not change when triplets are pruned.
        init: ``"gaussian"``, P and Q from N(0, 0.02²); ``"orthogonal"``, PᵀP = QQᵀ = I. λ is zero in both.
        dropout: probability of dropout on the input of the update; in [0, 1).

    Raises:
        ConfigError: a field's value is not allowed.
    """

    update: Literal["svd"] = "svd"
    rank: int = 12
    alpha: float = 16.0
    target_modules: list[str] | str = "all-linear"
    exclude_modules: list[str] = field(default_factory=list)
    train_modules: list[str] = field(default_factory=list)
    scaling: Literal["lora", "rslora"] = "lora"
    init: Literal["gaussian", "orthogonal"] = "gaussian"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check every field that can be checked without a model."""
        _require(self.update == "svd", "update", self.update, "'svd'")
        _require(self.rank >= 1, "rank", self.rank, "an integer of at least 1")
        _require(0 <= self.alpha < inf, "alpha", self.alpha, "a finite number of at least 0")
        _require(bool(self.target_modules), "target_modules", self.target_modules, "at least one name")
        _require(self.scaling in ("lora", "rslora"), "scaling", self.scaling, "'lora' or 'rslora'")
        _require(self.init in ("gaussian", "orthogonal"), "init", self.init, "'gaussian' or 'orthogonal'")
        _require(0 <= self.dropout < 1, "dropout", self.dropout, "a number in [0, 1)")


@dataclass(frozen=True)
class AllocationConfig:
    """How rank is allocated over a run. Steps are optimizer steps, counted from 1.

    Args:
        target_rank: average rank per matrix at the end; b(T) = target_rank × matrices triplets.
        total_steps: T; None lets `AdaLoRACallback` take it from the Trainer.
        warmup_steps: t_i, steps at the full initial budget.
        final_steps: t_f, steps at the end with the pattern frozen; t_i + t_f < T.
        interval: ΔT, steps between two budget updates.
        schedule: name of a budget curve, see `schedulers.make`.
        beta1: β₁ of the average of the sensitivity, in (0, 1).
        beta2: β₂ of the average of the uncertainty, in (0, 1).
        scorer: name of a registered scorer, see `adalora.register_scorer`.
        orthogonality: γ, weight of the orthogonality penalty; 0 turns it off.
        orthogonality_form: ``"squared_sum"`` (the paper) or ``"mean_norm"`` (the reference code).
        score_at: ``"before_step"`` scores with the parameters that the gradients were taken at (the paper);
            ``"after_step"`` with the updated ones, and takes the last decision on the averages of the step
            before it (the reference code).

    Raises:
        ConfigError: a field's value is not allowed.
    """

    target_rank: int = 8
    total_steps: int | None = None
    warmup_steps: int = 0
    final_steps: int = 0
    interval: int = 10
    schedule: str = "cubic"
    beta1: float = 0.85
    beta2: float = 0.85
    scorer: str = "sensitivity_uncertainty"
    orthogonality: float = 0.1
    orthogonality_form: Literal["squared_sum", "mean_norm"] = "mean_norm"
    score_at: Literal["before_step", "after_step"] = "before_step"

    def __post_init__(self) -> None:
        """Check every field that can be checked without a model."""
        _require(self.target_rank >= 0, "target_rank", self.target_rank, "an integer of at least 0")
        _require(self.warmup_steps >= 0, "warmup_steps", self.warmup_steps, "an integer of at least 0")
        _require(self.final_steps >= 0, "final_steps", self.final_steps, "an integer of at least 0")
        _require(self.interval >= 1, "interval", self.interval, "an integer of at least 1")
        _require(0 < self.beta1 < 1, "beta1", self.beta1, "a number strictly between 0 and 1")
        _require(0 < self.beta2 < 1, "beta2", self.beta2, "a number strictly between 0 and 1")
        _require(self.orthogonality >= 0, "orthogonality", self.orthogonality, "a number of at least 0")
        forms = ("squared_sum", "mean_norm")
        _require(self.orthogonality_form in forms, "orthogonality_form", self.orthogonality_form, f"{forms}")
        moments = ("before_step", "after_step")
        _require(self.score_at in moments, "score_at", self.score_at, f"one of {moments}")
        names = schedulers.names()
        _require(self.schedule in names, "schedule", self.schedule, f"one of {names}")
        if self.total_steps is not None:
            phases = self.warmup_steps + self.final_steps
            _require(
                phases < self.total_steps,
                "warmup_steps + final_steps",
                phases,
                f"less than total_steps = {self.total_steps}, so that a step is left in which to prune",
            )
