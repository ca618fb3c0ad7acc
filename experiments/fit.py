"""One model trained by one method on prepared data, and measured."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn
from transformers import (
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback

import adalora
from adalora.errors import AdaLoRAError, ConfigError

from .checkpoints import End, Finished
from .config import TrainingConfig
from .methods import Method
from .methods.counts import free_weights
from .metrics import Scores
from .models import build_base
from .optimizers import grouped, trainer_name
from .prepare import Prepared
from .progress import Progress
from .space import guard_checkpoints

_SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


@dataclass(frozen=True)
class Fitted:
    """What came out of a training.

    Attributes:
        steps: optimizer steps taken.
        seconds: time of the training, looks at the validation part included.
        trained: number of weights that were trained, pruned ones included.
        weights: number of all weights.
        scores: the task's numbers on each test part.
        losses: the task's loss on each test part; none for a part where the Trainer takes none.
        log: rows of numbers written on the way, each with its ``step``.
    """

    steps: int
    seconds: float
    trained: int
    weights: int
    scores: dict[str, Scores]
    losses: dict[str, float]
    log: tuple[dict[str, float], ...]


def build(data: Prepared, method: Method) -> tuple[nn.Module, list[TrainerCallback]]:
    """Return the model, changed by the method, and the method's callbacks.

    The seed is set first: all methods of a run start from the same head.
    """
    model = build_base(data.config, data.task.problem, data.processor, data.classes)
    return model, method.prepare(model, data.config)


def fit(
    data: Prepared,
    model: nn.Module,
    training: TrainingConfig,
    folder: Path,
    *,
    label: str,
    callbacks: Sequence[TrainerCallback],
    trained: Callable[[], None] = lambda: None,
    checkpoint: Path | None = None,
) -> Fitted:
    """Train a model and measure it on every test part. The rows come in the same order for every model.

    Args:
        data: what to train on.
        model: what to train: the weights that require a gradient.
        training: how to train; the run's own settings, or those of a baseline.
        folder: where checkpoints go, if ``training.save_every`` asks for some.
        label: what stands before the progress bar.
        callbacks: what steers the training and what looks on, in this order.
        trained: called between the training and the measurement, to keep what was trained whatever the
            measurement comes to.
        checkpoint: of the same training, to go on from; None to begin.
    """
    trainer = _trainer(data, model, training, folder, [*callbacks, Progress(label), End()])
    trainer.compute_metrics = partial(data.measure, data.validation)
    # Counted before the training, in which pruned triplets leave the tensors.
    free, weights = free_weights(model), count_weights(model)
    seconds = _train(trainer, checkpoint)
    trained()
    log = tuple(dict(row) for row in trainer.state.log_history)
    measured = {name: _measure(data, trainer, name) for name in data.test}
    return Fitted(
        steps=trainer.state.global_step,
        seconds=seconds,
        trained=free,
        weights=weights,
        scores={name: scores for name, (scores, _) in measured.items()},
        losses={name: loss for name, (_, loss) in measured.items() if loss is not None},
        log=log,
    )


def _train(trainer: Trainer, checkpoint: Path | None) -> float:
    """Train to the end, and return the seconds that it took."""
    if checkpoint is None:
        return float(trainer.train().metrics["train_runtime"])
    try:
        return float(trainer.train(resume_from_checkpoint=str(checkpoint)).metrics["train_runtime"])
    except Finished:
        trainer.callback_handler.on_train_end(trainer.args, trainer.state, trainer.control)
        return 0.0


def try_out(data: Prepared, model: nn.Module) -> None:
    """Run the largest training rows through a model: what does not go through shall say so at once.

    Raises:
        ConfigError: they do not, rows do not fit into one batch, or the Trainer refuses the settings.
    """
    _require_batches(data)
    positions, size = data.task.problem.largest(data.train.features, data.config.data)
    try:
        with TemporaryDirectory() as folder:  # the Trainer makes one in any case
            trainer = _trainer(data, model, data.config.training, Path(folder), [])
            batch = next(iter(trainer.get_test_dataloader(data.train.features.select(positions))))
            trainer.prediction_step(model, batch, prediction_loss_only=True)
    except AdaLoRAError:  # says itself what is wrong
        raise
    except (IndexError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"model is {data.config.model!r}, and the largest of the training rows ({size}) does not go "
            f"through it: {error}"
        ) from error


def _require_batches(data: Prepared) -> None:
    problem, rows = data.task.problem, data.config.evaluation.batch_size
    problem.require_batches(data.train, data.config.training.batch_size, "training.batch_size")
    for part in (data.validation, *data.test.values()):
        problem.require_batches(part, rows, "evaluation.batch_size")


def _trainer(
    data: Prepared,
    model: nn.Module,
    training: TrainingConfig,
    folder: Path,
    callbacks: list[TrainerCallback],
) -> Trainer:
    problem = data.task.problem
    settings = arguments(data, training, folder)
    trainer = problem.trainer_class(
        model=model,
        args=settings,
        optimizers=(grouped(model, training, settings), None),
        train_dataset=data.train.features,
        eval_dataset=data.validation.features,
        data_collator=problem.collator(data.processor, model),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    guard_checkpoints(trainer)
    return trainer


def arguments(data: Prepared, training: TrainingConfig, folder: Path) -> TrainingArguments:
    """Return the settings in the Trainer's words."""
    config = data.config
    return data.task.problem.arguments_class(
        output_dir=str(folder),
        seed=config.seed,
        data_seed=config.seed,
        optim=trainer_name(training),
        learning_rate=training.learning_rate,
        num_train_epochs=training.epochs,
        max_steps=training.max_steps or -1,
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=config.evaluation.batch_size,
        gradient_accumulation_steps=training.accumulation,
        weight_decay=training.weight_decay,
        warmup_steps=training.lr_warmup,
        lr_scheduler_type=_SCHEDULES[training.lr_schedule],
        max_grad_norm=training.max_grad_norm,
        use_cpu=not torch.accelerator.is_available(),  # else bfloat16 asks for a GPU
        bf16=training.precision == "bfloat16",
        fp16=training.precision == "float16",
        logging_steps=training.log_every,
        logging_nan_inf_filter=False,  # a loss that is not finite is told, not made up
        eval_strategy="steps" if config.evaluation.every else "no",
        eval_steps=config.evaluation.every or None,
        save_strategy="steps" if training.save_every else "no",
        save_steps=training.save_every or 1,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,  # the bar is ours
        dataloader_pin_memory=torch.cuda.is_available(),
        **data.task.problem.arguments(config.data, config.evaluation),
    )


def count_weights(model: nn.Module) -> int:
    """Return the number of all weights; a quantised one counts as one, however few bits it takes."""
    floating = sum(p.numel() for p in model.parameters() if p.is_floating_point())
    return floating + adalora.footprint(model).weights


def count_steps(rows: int, training: TrainingConfig, devices: int = 1) -> int:
    """Return the optimizer steps that the Trainer takes over ``rows`` features on so many devices."""
    if training.max_steps:
        return training.max_steps
    batches = math.ceil(rows / (training.batch_size * devices))
    return math.ceil(training.epochs * math.ceil(batches / training.accumulation))


def _measure(data: Prepared, trainer: Trainer, name: str) -> tuple[Scores, float | None]:
    """Measure one test part, put its numbers in the log, and return them with the loss."""
    part = data.test[name]
    trainer.compute_metrics = None  # that of the Trainer belongs to the validation part
    output = trainer.predict(part.features)
    scores = data.measure(part, EvalPrediction(output.predictions, output.label_ids))
    loss = output.metrics.get("test_loss")
    prefix = "test_" if len(data.test) == 1 else f"test_{name}_"
    numbers = scores if loss is None else {"loss": loss, **scores}
    trainer.log({prefix + key: value for key, value in numbers.items()})
    return scores, loss
