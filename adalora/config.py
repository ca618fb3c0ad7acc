"""Settings of an adapter and of its rank allocation, as frozen and validated data."""

import math
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal, get_args

import schedulers

from .checks import integer, names, number, one_of, require
from .updates import UPDATES
from .updates.parts import Precision
from .updates.start import RANDOM, SPECTRAL

Recipe = Literal["default", "paper"]
_LEFT_OUT: Any = None  # what a field is that the recipe stands in for; it is so only while a config is made


@dataclass(frozen=True)
class AdapterConfig:
    """What is put on a model, and where.

    Args:
        update: kind of update; ``"svd"`` is ΔW = s·P diag(λ) Q, whose rank adapts; ``"lora"`` is ΔW = s·BA.
        rank: initial rank r of every adapted matrix; 1 ≤ r ≤ min(d₁, d₂).
        alpha: α of the scaling s; at least 0. Left out: 2 × rank; in the paper's recipe 16.
        target_modules: module-name suffixes (``"query"`` matches ``…attention.self.query``), or one regular
            expression that must match a whole module name, or one word: ``"all-linear"``, every linear layer
            and every fused expert of transformers' common form, but the output embedding and what is too
            small for the rank (a warning names what is left out); or, for the families in `adalora.presets`,
            ``"query-value"``, ``"attention"`` or ``"feed-forward"``. The matrices of an
            ``nn.MultiheadAttention`` are called ``q_proj``, ``k_proj``, ``v_proj`` and ``out_proj``, those of
            fused experts ``gate_up_proj`` and ``down_proj``.
        exclude_modules: suffixes of modules that are left alone even if they match.
        train_modules: suffixes of modules that are trained in full, such as a new classifier head.
        scaling: ``"lora"`` gives s = α/r, ``"rslora"`` gives s = α/√r (Kalajdzievski 2023), and ``"width"``
            s = α/r · √(d₁/3), for ``update="svd"``: a step on λ then moves ΔW as far as one on LoRA's B does
            (`docs/recipe.md`). r is the initial rank: s does not change when triplets are pruned.
        init: ``"gaussian"``, P and Q, or A, from N(0, 0.02²); ``"orthogonal"``, PᵀP = QQᵀ = I, or AAᵀ = I;
            ``"kaiming"``, A from U(−1/√d₂, 1/√d₂), for LoRA. λ, or B, is zero in all of these. ``"pissa"``
            and ``"milora"`` start from the largest or smallest singular values of the weight: the base
            weight keeps the residual W₀ − ΔW, so that their sum is W₀ at the start. Left out:
            ``"orthogonal"`` for SVD, ``"kaiming"`` for LoRA; in the paper's recipe ``"gaussian"``.
        dropout: probability of dropout on the input of the update; in [0, 1).
        save_input: what is kept of a layer's input for the gradient of Q or A: ``"exact"``, the input itself;
            ``"bf16"``, two bytes a number; ``"int8"``, one, and two for the scale of every 32. The gradient
            of the input stays exact. For linear layers and experts; others keep what they need.
        dora: add DoRA's magnitude to every adapted layer: linear layers and convolutions only.
        recipe: what stands in for fields that are left out: ``"default"``, what `docs/recipe.md` arrives at,
            or ``"paper"``, the settings in the code of AdaLoRA's authors. It is not kept: the fields hold its
            values.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    update: Literal["svd", "lora"] = "svd"
    rank: int = 12
    alpha: float = _LEFT_OUT
    target_modules: list[str] | str = "all-linear"
    exclude_modules: list[str] = field(default_factory=list)
    train_modules: list[str] = field(default_factory=list)
    scaling: Literal["lora", "rslora", "width"] = "lora"
    init: Literal["gaussian", "orthogonal", "kaiming", "pissa", "milora"] = _LEFT_OUT
    dropout: float = 0.0
    save_input: Precision = "exact"
    dora: bool = False
    recipe: InitVar[Recipe] = "default"

    def __post_init__(self, recipe: Recipe) -> None:
        """Check every field that can be checked without a model, and put it in plain Python types."""
        one_of("recipe", recipe, get_args(Recipe))
        one_of("update", self.update, UPDATES)
        rank = integer("rank", self.rank, 1)
        require(rank <= 2**53, "rank", self.rank, "an integer of at most 2^53, which a float can hold")
        usual = "orthogonal" if self.update == "svd" else "kaiming"
        _fill(self, init="gaussian" if recipe == "paper" else usual)
        _fill(self, alpha=16.0 if recipe == "paper" else 2.0 * rank)
        one_of("save_input", self.save_input, get_args(Precision))
        one_of("scaling", self.scaling, ("lora", "rslora", "width"))
        of_lora = "'lora' or 'rslora' with update='lora', whose B moves by the width already"
        require(self.scaling != "width" or self.update == "svd", "scaling", self.scaling, of_lora)
        one_of("init", self.init, [*RANDOM, *SPECTRAL])
        for_lora = "'gaussian', 'orthogonal', 'pissa' or 'milora' with update='svd'"
        require(self.init != "kaiming" or self.update == "lora", "init", self.init, for_lora)
        require(isinstance(self.dora, bool), "dora", self.dora, "true or false")
        targets = self.target_modules
        if not isinstance(targets, str):
            targets = names("target_modules", targets)
        require(len(targets) > 0, "target_modules", targets, "at least one name, a pattern, or 'all-linear'")
        alpha = number("alpha", self.alpha, "a finite number of at least 0")
        require(alpha >= 0, "alpha", alpha, "a finite number of at least 0")
        above = f"a number above 0 with init={self.init!r}, whose factors are divided by s"
        require(alpha > 0 or self.init not in SPECTRAL, "alpha", alpha, above)
        dropout = number("dropout", self.dropout, "a number in [0, 1)")
        require(0 <= dropout < 1, "dropout", dropout, "a number in [0, 1)")
        _set(
            self,
            rank=rank,
            alpha=alpha,
            dropout=dropout,
            target_modules=targets,
            exclude_modules=names("exclude_modules", self.exclude_modules),
            train_modules=names("train_modules", self.train_modules),
        )

    def scale(self, d1: int) -> float:
        """Return the scaling s of a matrix with d₁ rows."""
        if self.scaling == "rslora":
            return self.alpha / math.sqrt(self.rank)
        # In its first step Adam moves each number of B by one learning rate η, so ΔW by η s √d₁ ‖A‖_F with
        # ‖A‖²_F = r/3 from LoRA's start; it moves λ by η too, and ΔW by η s √r with orthonormal P and Q.
        return self.alpha / self.rank * (math.sqrt(d1 / 3) if self.scaling == "width" else 1.0)


@dataclass(frozen=True)
class AllocationConfig:
    """How rank is allocated over a run. Steps are optimizer steps, counted from 1.

    Args:
        target_rank: average rank per matrix at the end; b(T) is what all matrices have at that rank.
        total_steps: T; None lets `AdaLoRACallback` take it from the Trainer.
        warmup_steps: t_i, steps at the full initial budget: a whole number, or a share of T, below 1. Left
            out: 0.2; in the paper's recipe 0, since theirs differ from task to task.
        final_steps: t_f, steps at the end with the pattern frozen, likewise; t_i + t_f < T. Left out: 0.3; in
            the paper's recipe 0.
        interval: ΔT, steps between two budget updates; None for T/40, and at least 1. Left out: None; in the
            paper's recipe 10.
        schedule: name of a budget curve, see `schedulers.make`.
        beta1: β₁ of the average of the sensitivity, in (0, 1).
        beta2: β₂ of the average of the uncertainty, in (0, 1).
        scorer: name of a registered scorer, see `adalora.register_scorer`.
        orthogonality: γ, weight of the orthogonality penalty; 0 turns it off. Left out: 0; in the paper's
            recipe 0.1.
        orthogonality_form: ``"squared_sum"`` (the paper) or ``"mean_norm"`` (the reference code).
        score_at: ``"before_step"`` scores with the parameters that the gradients were taken at (the paper);
            ``"after_step"`` with the updated ones, and takes the last decision on the averages of the step
            before it (the reference code).
        orthogonality_of: which triplets the penalty counts once the pruned ones cannot come back: ``"kept"``,
            those that are left, or ``"all"`` (the reference code), which needs ``compact=False``.
        prune: ``"soft"``, pruned triplets may come back until the pattern is frozen at T − t_f (the paper);
            ``"hard"``, they cannot.
        compact: remove pruned triplets from the tensors, and from the optimizer's state, once they cannot
            come back: at T − t_f, or with ``prune="hard"`` at every budget update. Where that cannot be
            (several processes, an optimizer that does not allow it) they stay, with λ = 0, and the log says
            so.
        budget_unit: what b counts: ``"rank"``, triplets, so that b(T) = target_rank × matrices;
            ``"parameter"``, the d₁ + d₂ + 1 numbers of each triplet, so that one of a large matrix costs more
            than one of a small matrix, and has to score more to be kept.
        nonfinite: what happens to a step with a NaN or an infinite gradient that no GradScaler has caught:
            ``"raise"`` stops the training before anything has changed; ``"skip"`` takes the gradients away,
            so that the optimizer moves nothing, and counts the step in `AdaLoRAController.skipped` alone.
        recipe: what stands in for fields that are left out, see `AdapterConfig`. It is not kept.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    target_rank: int = 8
    total_steps: int | None = None
    warmup_steps: float = _LEFT_OUT
    final_steps: float = _LEFT_OUT
    interval: int | None = None
    schedule: str = "cubic"
    beta1: float = 0.85
    beta2: float = 0.85
    scorer: str = "sensitivity_uncertainty"
    orthogonality: float = _LEFT_OUT
    orthogonality_form: Literal["squared_sum", "mean_norm"] = "mean_norm"
    score_at: Literal["before_step", "after_step"] = "before_step"
    orthogonality_of: Literal["kept", "all"] = "kept"
    prune: Literal["soft", "hard"] = "soft"
    compact: bool = True
    budget_unit: Literal["rank", "parameter"] = "rank"
    nonfinite: Literal["raise", "skip"] = "raise"
    recipe: InitVar[Recipe] = "default"

    def __post_init__(self, recipe: Recipe) -> None:
        """Check every field that can be checked without a model, and put it in plain Python types."""
        one_of("recipe", recipe, get_args(Recipe))
        _fill(self, **(_PAPER if recipe == "paper" else _DEFAULT))
        one_of("schedule", self.schedule, schedulers.names())
        one_of("orthogonality_form", self.orthogonality_form, ("squared_sum", "mean_norm"))
        one_of("score_at", self.score_at, ("before_step", "after_step"))
        one_of("orthogonality_of", self.orthogonality_of, ("kept", "all"))
        one_of("prune", self.prune, ("soft", "hard"))
        one_of("budget_unit", self.budget_unit, ("rank", "parameter"))
        one_of("nonfinite", self.nonfinite, ("raise", "skip"))
        require(isinstance(self.compact, bool), "compact", self.compact, "true or false")
        why = "false with orthogonality_of='all', since what is removed has no penalty"
        require(not (self.compact and self.orthogonality_of == "all"), "compact", self.compact, why)
        open_interval = "a number strictly between 0 and 1"
        betas = {name: number(name, getattr(self, name), open_interval) for name in ("beta1", "beta2")}
        for name, beta in betas.items():
            require(0 < beta < 1, name, beta, open_interval)
        gamma = number("orthogonality", self.orthogonality, "a finite number of at least 0")
        require(gamma >= 0, "orthogonality", gamma, "a finite number of at least 0")
        phases = {name: _steps(name, getattr(self, name)) for name in ("warmup_steps", "final_steps")}
        total = self.total_steps if self.total_steps is None else integer("total_steps", self.total_steps, 1)
        _set(
            self,
            target_rank=integer("target_rank", self.target_rank, 0),
            interval=self.interval if self.interval is None else integer("interval", self.interval, 1),
            total_steps=total,
            orthogonality=gamma,
            **phases,
            **betas,
        )
        if total is not None:
            self.timetable(total)

    def timetable(self, total: int) -> tuple[int, int, int]:
        """Return t_i, t_f and ΔT in a run of ``total`` steps; shares are rounded down.

        Raises:
            ConfigError: no step is left in which to prune.
        """
        # As it is written: 0.29 · 100 is 29, and 28.999… with the floating-point number next to it.
        warmup, final = (
            int(Fraction(str(steps)) * (total if steps < 1 else 1))
            for steps in (self.warmup_steps, self.final_steps)
        )
        less = f"less than total_steps = {total}, so that a step is left in which to prune"
        require(warmup + final < total, "warmup_steps + final_steps", warmup + final, less)
        return warmup, final, max(1, total // 40) if self.interval is None else self.interval


_DEFAULT: Mapping[str, object] = MappingProxyType(
    {"warmup_steps": 0.2, "final_steps": 0.3, "orthogonality": 0.0}
)
_PAPER: Mapping[str, object] = MappingProxyType(
    {"warmup_steps": 0, "final_steps": 0, "interval": 10, "orthogonality": 0.1}
)


def _steps(name: str, value: object) -> float:
    """Return a number of steps, or a share of them, as a Python number: an int where it is whole."""
    what = "a whole number of at least 0, or a share below 1"
    found = number(name, value, what)
    require(0 <= found < 1 or found == int(found) > 0, name, value, what)
    return found if 0 < found < 1 else int(found)


def _fill(config: object, **values: object) -> None:
    """Set those of these fields that are None."""
    _set(config, **{name: value for name, value in values.items() if getattr(config, name) is None})


def _set(config: object, **values: object) -> None:
    """Set fields of a frozen dataclass while it is being made."""
    for name, value in values.items():
        object.__setattr__(config, name, value)
