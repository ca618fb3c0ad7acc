"""Settings of a run, as frozen and validated data: what a YAML file and the command line may say."""

import re
from dataclasses import dataclass, field
from sys import float_info
from typing import Literal

import adalora.quantize
from adalora import AdapterConfig, AllocationConfig

from .checks import require

OPTIMIZERS = ("adamw", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit")
_LARGEST = float_info.max  # an integer above it cannot be counted with


@dataclass(frozen=True)
class TrainingConfig:
    """How weights are trained.

    Args:
        optimizer: ``"adamw"``; with bitsandbytes and a CUDA device also ``"adamw_8bit"``, whose state takes
            two bytes a weight, ``"paged_adamw_32bit"`` and ``"paged_adamw_8bit"``, whose state moves to the
            CPU where the GPU's memory runs out (QLoRA). On the CPU AdamW takes their place, with a warning.
        learning_rate: peak learning rate; above 0.
        left_ratio: LoRA+: B, or P and λ, learn at ``left_ratio`` times the learning rate; above 0.
        epochs: passes over the training rows; not used when ``max_steps`` is set.
        max_steps: optimizer steps; None trains for ``epochs``.
        batch_size: rows in a forward pass on one device.
        accumulation: forward passes in an optimizer step.
        weight_decay: of AdamW, on all trained weights but biases and norms.
        factor_weight_decay: the same for the factors of the updates; None for ``weight_decay``.
        lr_warmup: optimizer steps in which the learning rate rises; a number below 1 is a share of all steps.
        lr_schedule: how the learning rate falls after that; ``"constant"`` does not.
        max_grad_norm: gradients are clipped to this norm; 0 does not clip.
        classifier_dropout: dropout before the classification head; None keeps the model's own.
        precision: ``"float32"``, or mixed precision with ``"bfloat16"`` or ``"float16"``.
        log_every: optimizer steps between two rows of ``metrics.jsonl``.
        save_every: optimizer steps between two checkpoints of the whole model; 0 writes none.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    optimizer: Literal["adamw", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit"] = "adamw"
    learning_rate: float = 1e-3
    left_ratio: float = 1.0
    epochs: float = 3.0
    max_steps: int | None = None
    batch_size: int = 16
    accumulation: int = 1
    weight_decay: float = 0.0
    factor_weight_decay: float | None = None
    lr_warmup: float = 0.0
    lr_schedule: Literal["linear", "cosine", "constant"] = "linear"
    max_grad_norm: float = 1.0
    classifier_dropout: float | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    log_every: int = 10
    save_every: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        _positive("training", self, "learning_rate", "left_ratio", "epochs")
        _at_least("training", self, 1, "batch_size", "accumulation", "log_every")
        _at_least("training", self, 0, "weight_decay", "lr_warmup", "max_grad_norm", "save_every")
        _one_of("training", self, "optimizer", *OPTIMIZERS)
        _one_of("training", self, "lr_schedule", "linear", "cosine", "constant")
        _one_of("training", self, "precision", "float32", "bfloat16", "float16")
        steps, dropout, rise = self.max_steps, self.classifier_dropout, self.lr_warmup
        decay = self.factor_weight_decay
        allowed = "a finite number of at least 0, or null for training.weight_decay"
        fits = decay is None or 0 <= decay <= _LARGEST
        require(fits, "training.factor_weight_decay", decay, allowed)
        whole = rise < 1 or rise == int(rise)
        require(whole, "training.lr_warmup", rise, "a whole number of steps, or a share below 1")
        require(
            steps is None or steps >= 1,
            "training.max_steps",
            steps,
            "at least 1, or null to train for epochs",
        )
        require(
            dropout is None or 0 <= dropout < 1,
            "training.classifier_dropout",
            dropout,
            "a number in [0, 1), or null to keep the model's own",
        )


@dataclass(frozen=True)
class QuantizationConfig:
    """How the frozen weights of the adapted layers are kept.

    Args:
        kind: ``"nf4"`` or ``"fp4"``, 4 bits; ``"int8"``, 8 bits; None leaves them in floating point.
        double_quant: keep the constants of 4-bit blocks in 8 bits too.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    kind: Literal["nf4", "fp4", "int8"] | None = None
    double_quant: bool = True

    def __post_init__(self) -> None:
        """Check every field."""
        allowed = (None, *adalora.quantize.KINDS)
        words = "null, " + ", ".join(adalora.quantize.KINDS)
        require(self.kind in allowed, "quantization.kind", self.kind, words)


@dataclass(frozen=True)
class BottleneckConfig:
    """The modules of ``adapter-h``, ``adapter-l``, ``adapter-p`` and ``adapter-d``.

    Args:
        width: r, the numbers between the two matrices of a module.
        dropped: layers at the bottom of each stack that go without one, for ``adapter-d``; None for 5, or
            for half of the layers where there are fewer than ten.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    width: int = 64
    dropped: int | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        _at_least("bottleneck", self, 1, "width")
        fits = self.dropped is None or self.dropped >= 0
        require(fits, "bottleneck.dropped", self.dropped, "at least 0, or null for 5 or half of the layers")


@dataclass(frozen=True)
class TokensConfig:
    """The trained tokens of ``preembed``, ``prelayer``, ``lora+pe`` and ``lora+pl``.

    Args:
        prefix: l_p, tokens in front of the text.
        infix: l_i, tokens behind the text, in front of what the model writes. In a decoder the next token is
            read off the last of them, so that with ``prelayer`` only the last layer has seen the text there.

    Raises:
        ConfigError: a field's value is not allowed, or there are no tokens.
    """

    prefix: int = 8
    infix: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        _at_least("tokens", self, 0, "prefix", "infix")
        number = self.prefix + self.infix
        require(number >= 1, "tokens.prefix + tokens.infix", number, "at least 1")


@dataclass(frozen=True)
class DataConfig:
    """Which rows are used, and how texts are cut.

    Args:
        path: local folder to read a hub task from, with the columns that the hub has: one ``csv``, ``json``,
            ``jsonl`` or ``parquet`` file a split (``train.csv``), or what ``DatasetDict.save_to_disk`` wrote.
            For ``loveda`` the folder with ``Train`` and ``Val``.
        max_length: tokens of an input, at most.
        target_length: tokens of a text that is to be written, such as a summary, at most.
        stride: tokens that neighbouring windows of a long text share; for question answering.
        train_rows: training rows, at most; None takes all.
        eval_rows: rows of each evaluation part, at most; None takes all.
        subset: configuration of a ``hub:`` task's data set.
        text_columns: one or two columns of a ``hub:`` task that hold the input.
        label_column: column of a ``hub:`` task that holds the label; numbers with a point: a regression.
        train_split: split of a ``hub:`` task to train on.
        eval_split: split of a ``hub:`` task to evaluate on.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    path: str | None = None
    max_length: int = 128
    target_length: int = 64
    stride: int = 32
    train_rows: int | None = None
    eval_rows: int | None = None
    subset: str | None = None
    text_columns: list[str] = field(default_factory=lambda: ["text"])
    label_column: str = "label"
    train_split: str = "train"
    eval_split: str = "validation"

    def __post_init__(self) -> None:
        """Check every field."""
        _at_least("data", self, 4, "max_length")
        _at_least("data", self, 1, "target_length")
        _at_least("data", self, 0, "stride")
        for name in ("train_rows", "eval_rows"):
            rows = getattr(self, name)
            require(rows is None or rows >= 1, f"data.{name}", rows, "at least 1, or null for all")
        require(
            len(self.text_columns) in (1, 2),
            "data.text_columns",
            self.text_columns,
            "one or two column names",
        )


@dataclass(frozen=True)
class EvaluationConfig:
    """How a model is measured. The test part is only touched at the end of a run.

    Args:
        every: optimizer steps between two looks at the validation part; 0 does not look at it.
        batch_size: rows in a forward pass.
        beams: width of the beam search; for summarization.
        answer_length: tokens of an answer, at most; for question answering.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    every: int = 0
    batch_size: int = 64
    beams: int = 4
    answer_length: int = 30

    def __post_init__(self) -> None:
        """Check every field."""
        _at_least("evaluation", self, 0, "every")
        _at_least("evaluation", self, 1, "batch_size", "beams", "answer_length")


@dataclass(frozen=True)
class BaselineConfig:
    """What a run is compared with, besides a constant answer, which costs nothing.

    Args:
        head: first train the same model for the same steps with only ``adapter.train_modules`` free.
        learning_rate: peak learning rate of that run; above 0.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    head: bool = True
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        """Check every field."""
        _positive("baseline", self, "learning_rate")


@dataclass(frozen=True)
class RunConfig:
    """One training run.

    Args:
        name: folder of the run inside ``output_dir``: letters, digits, ``-``, ``_`` and ``.``.
        task: name of a task, such as ``rotten_tomatoes`` or ``glue/sst2``, or ``hub:NAME`` for a data set.
        model: ``minilm``, ``smollm2``, a local folder, or a name on the hub.
        method: what is trained, and how: ``"adalora"``, ``"lora"``, ``"full"``, or another one that
            ``adalora methods`` lists.
        adapter: what is put on the model, and where; methods of a fixed rank take their own ``update``.
        quantization: how the frozen weights of the adapted layers are kept.
        allocation: how rank is allocated over the run.
        bottleneck: what is put between the layers, for methods that put something there.
        tokens: trained tokens around the text, for methods that have some.
        training: how weights are trained.
        data: which rows are used, and how texts are cut.
        evaluation: how the model is measured.
        baseline: what the run is compared with.
        seed: of the head's start, the adapter's start, dropout and the order of the rows.
        tensorboard_figures_every: optimizer steps between two sets of pictures in TensorBoard, those of
            ``adalora analyze``; 0 writes none.
        output_dir: folder that holds the runs.
        overwrite: replace a finished run of the same name.
        resume: go on with an unfinished run of the same name and settings from its newest whole checkpoint,
            which ``training.save_every`` writes.

    Raises:
        ConfigError: a field's value is not allowed.
    """

    name: str
    task: str
    model: str
    method: str = "adalora"
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    quantization: QuantizationConfig = field(default_factory=QuantizationConfig)
    allocation: AllocationConfig = field(default_factory=AllocationConfig)
    bottleneck: BottleneckConfig = field(default_factory=BottleneckConfig)
    tokens: TokensConfig = field(default_factory=TokensConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    data: DataConfig = field(default_factory=DataConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    seed: int = 0
    tensorboard_figures_every: int = 0
    output_dir: str = "runs"
    overwrite: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        """Check the fields that no part checks for itself."""
        fits = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", self.name) is not None
        require(fits, "name", self.name, "up to 100 letters, digits, '-', '_' and '.', as for a folder")
        known = "'minilm', 'smollm2', a local folder, or a name on the hub"
        require(bool(self.model), "model", self.model, known)
        require(0 <= self.seed < 2**32, "seed", self.seed, "an integer from 0 to 4294967295")
        every = self.tensorboard_figures_every
        require(every >= 0, "tensorboard_figures_every", every, "a number of steps, or 0 for no pictures")
        both = self.resume and self.overwrite
        require(not both, "overwrite", self.overwrite, "false with resume: true, which goes on with a run")


def _positive(part: str, config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        require(0 < value <= _LARGEST, f"{part}.{name}", value, "a finite number above 0")


def _one_of(part: str, config: object, name: str, *allowed: str) -> None:
    value = getattr(config, name)
    require(value in allowed, f"{part}.{name}", value, f"one of {', '.join(allowed)}")


def _at_least(part: str, config: object, least: int, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        finite = isinstance(value, float) or value > _LARGEST
        words = "a finite number of at least" if finite else "at least"
        require(least <= value <= _LARGEST, f"{part}.{name}", value, f"{words} {least}")
