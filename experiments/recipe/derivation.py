"""How far a step moves ΔW: predicted from the start and the optimizer alone, and measured.

Adam moves every number by about one learning rate η a step, whatever the gradient. After t steps that is a
way m of ηt where all their signs agree, and of η√t where they are random. Where every number of a factor has
moved by m,

- LoRA: ‖ΔW‖ = s m √(d₁r) √(1/3 + m² d₂), B from zero, A from U(−1/√d₂, 1/√d₂) with ‖Aⱼ‖² = 1/3;
- AdaLoRA, orthonormal P and Q: ‖ΔW‖ = s m √r √(1 + m² d₁) √(1 + m² d₂);
- the same from N(0, σ²): ‖ΔW‖ = s m √r √(σ²d₁ + m² d₁) √(σ²d₂ + m² d₂).

At t = 1 the signs cannot disagree. With s = α/r, LoRA's first step is √(d₁/3) times that of orthonormal
factors, 11 times at d₁ = 384, which is what ``scaling="width"`` makes up for; and 1/(σ² √(3d₂)) times that of
the authors' start, 74 times at d₂ = 384 and σ = 0.02. Once m is above 1/√d, P and Q are what the steps have
made of them, and ‖ΔW‖ grows with m³ where LoRA's grows with m².

A rate of λ that is k times η comes to the same as an s that is k times as large, as long as no gradient is
clipped: λ starts at zero and has no decay, ΔW and all gradients but λ's depend on sλ alone, and Adam's step
does not depend on the size of a gradient.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

import adalora
from adalora.updates.start import REFERENCE_STD

from .. import methods
from ..config import RunConfig
from ..fit import build, fit
from ..prepare import prepare
from .cells import Contender, Settings, cell

STEPS = (1, 10, 100)
RATE = 1e-3

_STARTS: Mapping[str, Contender] = MappingProxyType(
    {
        "LoRA": Contender("rotten_tomatoes", "lora", 8),
        "AdaLoRA, the recipe": Contender("rotten_tomatoes", "adalora", 8),
        "AdaLoRA, long first steps": Contender("rotten_tomatoes", "adalora", 8, Settings(scaling="width")),
        "AdaLoRA, gaussian start": Contender("rotten_tomatoes", "adalora", 8, Settings(init="gaussian")),
    }
)


def measure() -> list[dict[str, Any]]:
    """Train at a constant rate, and measure ‖ΔW‖ on the way.

    Returns:
        A row for each start, size of matrix (d₁, d₂) and number of steps, with ``least`` and ``most``, what
        is predicted for random signs and for signs that agree, and ``measured``, a mean over the matrices.
    """
    rows = []
    for label, contender in _STARTS.items():
        config = _settings(contender)
        norms = _norms(config)
        for (d1, d2), measured in norms.items():
            for step, value in measured.items():
                rows.append(
                    {
                        "start": label,
                        "d1": d1,
                        "d2": d2,
                        "step": step,
                        "least": predict(config, d1, d2, RATE * math.sqrt(step)),
                        "most": predict(config, d1, d2, RATE * step),
                        "measured": value,
                    }
                )
    return rows


def settings() -> list[RunConfig]:
    """Return the runs that are measured."""
    return [_settings(contender) for contender in _STARTS.values()]


def predict(config: RunConfig, d1: int, d2: int, moved: float) -> float:
    """Return ‖ΔW‖_F where every number of a factor has moved by ``moved``."""
    adapter, shift = config.adapter, moved**2
    reach = adapter.scale(d1) * moved * math.sqrt(adapter.rank)
    if adapter.update == "lora":
        return reach * math.sqrt(d1) * math.sqrt(1 / 3 + shift * d2)
    left, right = (
        (1.0, 1.0) if adapter.init == "orthogonal" else (REFERENCE_STD**2 * d1, REFERENCE_STD**2 * d2)
    )
    return reach * math.sqrt(left + shift * d1) * math.sqrt(right + shift * d2)


def _settings(contender: Contender) -> RunConfig:
    """Return a run at a constant rate, with nothing clipped, and nothing pruned while it is measured."""
    late = replace(contender.settings, warmup=0.9, final=0.05)
    config = cell(replace(contender, settings=late), RATE, 0, steps=max(STEPS) + 20)
    training = replace(config.training, lr_schedule="constant", lr_warmup=0.0, max_grad_norm=0.0)
    return replace(config, training=training, data=replace(config.data, eval_rows=100))


def _norms(config: RunConfig) -> dict[tuple[int, int], dict[int, float]]:
    data, method = prepare(config), methods.get(config.method)
    model, callbacks = build(data, method)
    watch = _Watch()
    with TemporaryDirectory() as folder:
        fit(data, model, config.training, Path(folder), label="derivation", callbacks=[*callbacks, watch])
    return watch.norms


class _Watch(TrainerCallback):
    """Measures ‖ΔW‖ of every matrix at a few steps."""

    def __init__(self) -> None:
        self.norms: dict[tuple[int, int], dict[int, float]] = {}

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        model: nn.Module,
        **kwargs: Any,
    ) -> None:
        """Measure, if it is time."""
        if state.global_step not in STEPS:
            return
        found: dict[tuple[int, int], list[float]] = {}
        for layer in adalora.adapters(model).values():
            left, right = (factor.detach().double() for factor in layer.update.factors())
            # ‖LR‖² is the trace of (LᵀL)(RRᵀ): r × r, where LR is d₁ × d₂.
            norm = torch.sqrt(((left.mT @ left) * (right @ right.mT)).sum())
            found.setdefault((left.shape[0], right.shape[1]), []).append(float(norm))
        for shape, values in found.items():
            self.norms.setdefault(shape, {})[state.global_step] = sum(values) / len(values)
