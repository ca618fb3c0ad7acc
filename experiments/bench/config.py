"""Settings of the benchmark, as frozen and validated data."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch

from ..checks import require, unknown
from .cases import CASES

SECTIONS = (
    "steps",
    "run",
    "memory",
    "peak",
    "control",
    "matrices",
    "ranks",
    "gradients",
    "accuracy",
    "inference",
    "adapters",
)
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class InferenceConfig:
    """The decoder whose forward pass is measured, and the grid of its inputs.

    Args:
        layers: layers of the decoder; 24 for the layout of GPT-2 medium.
        width: width of the decoder; 1,024 for the layout of GPT-2 medium. A head has 64 of it.
        batches: rows of a batch, one by one.
        lengths: tokens of a row, one by one.
        ranks: ranks of LoRA on the attention's query, key and value, one by one.
        rounds: rounds that count, after one that does not.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    layers: int = 24
    width: int = 1024
    batches: list[int] = field(default_factory=lambda: [1, 4])
    lengths: list[int] = field(default_factory=lambda: [32, 128])
    ranks: list[int] = field(default_factory=lambda: [8, 64])
    rounds: int = 8

    def __post_init__(self) -> None:
        """Check every field."""
        _at_least(1, "inference.layers", self.layers)
        _at_least(1, "inference.width", self.width)
        _at_least(1, "inference.rounds", self.rounds)
        whole = "at most 64, or a multiple of it, as every head has 64"
        require(self.width <= 64 or self.width % 64 == 0, "inference.width", self.width, whole)
        for name in ("batches", "lengths", "ranks"):
            _numbers(f"inference.{name}", getattr(self, name))
        fits = f"ranks up to inference.width = {self.width}"
        require(max(self.ranks) <= self.width, "inference.ranks", self.ranks, fits)


@dataclass(frozen=True)
class SweepConfig:
    """How far the cost is followed, on the first case.

    Args:
        matrices: numbers of matrices that the controller steers, of the shapes of the case.
        ranks: ranks of the matrices of the case.
        rounds: rounds that count for each rank.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    matrices: list[int] = field(default_factory=lambda: [12, 120, 1200])
    ranks: list[int] = field(default_factory=lambda: [1, 4, 16, 64, 256])
    rounds: int = 8

    def __post_init__(self) -> None:
        """Check every field."""
        _numbers("sweep.matrices", self.matrices)
        _numbers("sweep.ranks", self.ranks)
        _at_least(1, "sweep.rounds", self.rounds)


@dataclass(frozen=True)
class BenchConfig:
    """What is measured, on what and how often.

    Args:
        cases: rows of the table: ``bert-4x768``, ``minilm`` and ``bert-6x768``, with random weights.
        model: measured in place of the cases: ``minilm`` for the pretrained one, a local folder, or a name on
            the hub.
        batch: rows of a batch of ``model``.
        tokens: tokens of a row of ``model``.
        target_modules: what is adapted, as in `adalora.AdapterConfig`.
        exclude_modules: what is left alone, as in `adalora.AdapterConfig`.
        rank: rank at the start, of AdaLoRA.
        target_rank: average rank at the end, of AdaLoRA; and the rank of LoRA.
        dtype: of the model's weights: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
        device: ``"cpu"``, or an accelerator that is there, such as ``"cuda"``.
        threads: threads of the CPU; null leaves the number to torch.
        rounds: rounds of single steps that count.
        warmup_rounds: rounds before them, which do not.
        run_steps: steps of the whole run.
        sections: what is measured, of: steps, run, memory, peak, control, matrices, ranks, gradients,
            accuracy, inference, adapters.
        sweep: how far the cost is followed.
        inference: the decoder whose forward pass is measured.
        reviews: the training run on which inputs in 8 bits are tried: a shipped file or a path, as for
            ``adalora train``.
        seeds: seeds of these runs.
        seed: of all random weights and batches.
        output: folder that gets ``bench.json``, ``bench.png`` and ``tables.md``.
        overwrite: replace those that are there.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    cases: list[str] = field(default_factory=lambda: list(CASES))
    model: str | None = None
    batch: int = 8
    tokens: int = 128
    target_modules: list[str] | str = field(default_factory=lambda: ["query", "key", "value", "dense"])
    exclude_modules: list[str] = field(default_factory=lambda: ["pooler"])
    rank: int = 12
    target_rank: int = 8
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "cpu"
    threads: int | None = None
    rounds: int = 20
    warmup_rounds: int = 3
    run_steps: int = 300
    sections: list[str] = field(default_factory=lambda: list(SECTIONS))
    sweep: SweepConfig = field(default_factory=SweepConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    reviews: str = "recipe"
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    seed: int = 0
    output: str = "experiments/results/bench"
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Check every field that can be checked without a model."""
        _among("cases", self.cases, CASES)
        _among("sections", self.sections, SECTIONS)
        for name in ("batch", "tokens", "rank", "target_rank", "rounds"):
            _at_least(1, name, getattr(self, name))
        _at_least(0, "warmup_rounds", self.warmup_rounds)
        _at_least(10, "run_steps", self.run_steps)  # below that a run has no room for three phases
        fits = f"at most rank = {self.rank}"
        require(self.target_rank <= self.rank, "target_rank", self.target_rank, fits)
        threads = "at least 1, or null to leave the number to torch"
        require(self.threads is None or self.threads >= 1, "threads", self.threads, threads)
        require(self.dtype in DTYPES, "dtype", self.dtype, f"one of {', '.join(DTYPES)}")
        _require_device(self.device)
        require(self.model != "", "model", self.model, "null, 'minilm', a local folder, or a name on the hub")
        _numbers("seeds", self.seeds, 0)
        _at_least(0, "seed", self.seed)
        require(bool(self.output), "output", self.output, "the path of a folder")


def _at_least(least: int, name: str, value: int) -> None:
    require(value >= least, name, value, f"at least {least}")


def _numbers(name: str, values: Sequence[int], least: int = 1) -> None:
    fits = len(values) == len(set(values)) > 0 and min(values) >= least
    require(fits, name, values, f"a list of different whole numbers of at least {least}")


def _among(name: str, values: Sequence[str], allowed: Collection[str]) -> None:
    for value in values:
        if value not in allowed:
            raise unknown(name, value, allowed)
    require(len(values) == len(set(values)) > 0, name, values, "a list of different names, one at least")


def _require_device(device: str) -> None:
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    there = ["cpu", *([found.type] if found else [])]
    try:
        kind = torch.device(device).type
    except RuntimeError:
        kind = ""
    require(kind in there, "device", device, " or ".join(map(repr, there)))
