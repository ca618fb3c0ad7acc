"""One training run, from its settings to its folder."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback

import adalora
import analysis
from adalora.card import write_card
from adalora.checkpoint import HEADER
from adalora.errors import CheckpointError, ConfigError
from adalora.header import read_header

from . import files, methods, optimizers, report, space
from .analyses.board import FigureBoard
from .checkpoints import Checkpoint, Mark, cut_records, remove_halves
from .config import RunConfig
from .fit import Fitted, build, count_steps, fit, try_out
from .methods import Method, controller_of
from .metrics import Scores, as_numbers
from .pictures import training_curve
from .prepare import Prepared, prepare
from .records import Board, MetricsFile, TripletsFile
from .results import Base, Line, Results, base_of, rank_of
from .stop import Listener
from .stop_at_step import StopAtStep
from .versions import versions


def train(config: RunConfig, listener: Listener | None = None) -> Results:
    """Train, measure, compare with the baselines, and write it all to ``config.output_dir / config.name``.

    A finished run of that name stays whole until the new one is. With ``config.resume`` an unfinished one
    goes on from its newest whole checkpoint.

    Args:
        config: settings of the run.
        listener: who hears that the process shall end; None for nobody.

    Raises:
        CheckpointError: the disk is full; what was written before stays, and the run can go on.
        Terminated: the listener was asked to end; the run can go on from its checkpoint.
        ConfigError: a setting is wrong, or a finished run of that name is there. Nothing has been written.
        TargetError: the adapter does not fit the model. Nothing has been written.
        DataError: data or model are not there; the message says how to get them. Nothing has been written.
    """
    with space.told():
        return _train(config, Listener() if listener is None else listener)


def _train(config: RunConfig, listener: Listener) -> Results:
    method = methods.get(config.method)
    config = method.resolve(config)
    if config.resume:
        files.find_unfinished(config)
    else:
        files.require_free(config)
    optimizers.check(config.training)
    data = prepare(config)
    baselines = [methods.get("head")] if config.baseline.head and method.name != "head" else []
    for planned in (*baselines, method):
        rehearse(data, planned)
    # The run is made beside its place, and moves there when it is whole.
    folder, checkpoint = files.find_unfinished(config) if config.resume else (files.make(config), None)
    files.write_json(folder / files.VERSIONS, versions(config.seed))

    lines = [Line(data.task.problem.constant_name, data.constant())]
    lines += _fit_baselines(data, baselines, folder, listener)
    fitted, controller, base = _fit_method(data, method, folder, checkpoint, listener)
    lines.append(_line(method, fitted))
    stand_in = optimizers.stand_in(config.training)
    results = Results(
        name=config.name,
        task=config.task,
        about=data.task.about,
        model=config.model,
        auto_class=data.task.problem.auto_class.__name__,
        loading=data.task.problem.loading(data.classes),
        precision=config.training.precision,
        optimizer="adamw" if stand_in else config.training.optimizer,
        notes=(stand_in,) if stand_in else (),
        labels=data.task.problem.model_options(data.classes).get("num_labels", 0),
        headline=data.task.headline,
        weights=fitted.weights,
        lines=tuple(lines),
        rank=rank_of(controller) if controller else None,
        adapter=(folder / files.ADAPTER).is_dir(),
        base=base,
    )
    _draw(folder, data, controller)
    report.write(folder, results, files.path_of(config))
    files.write_json(folder / files.RESULTS, asdict(results))
    files.publish(config)
    return results


def rehearse(data: Prepared, method: Method) -> None:
    """Build everything once and throw it away: what does not fit shall say so before hours of training."""
    config = data.config
    model, callbacks = build(data, method)
    try_out(data, model)
    steps = count_steps(len(data.train.features), config.training, max(1, torch.cuda.device_count()))
    for callback in callbacks:
        if isinstance(callback, adalora.AdaLoRACallback):
            total = callback.config.total_steps or steps
            adalora.AdaLoRAController(model, replace(callback.config, total_steps=total))


def _fit_baselines(data: Prepared, baselines: list[Method], folder: Path, listener: Listener) -> list[Line]:
    """Train what the run is compared with, unless an earlier sitting has.

    Raises:
        ConfigError: the earlier sitting had other training rows.
        CheckpointError: what it has left is damaged.
    """
    path, rows = folder / files.SITTING, data.train.fingerprint()
    if not path.exists():
        lines = [_fit_baseline(data, baseline, folder, listener) for baseline in baselines]
        files.write_json(path, {"rows": rows, "baselines": [asdict(line) for line in lines]})
        return lines
    try:
        left = json.loads(path.read_text(encoding="utf-8"))
        before, lines = left["rows"], [_line_of(row) for row in left["baselines"]]
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error!r}; set overwrite: true to begin anew.") from error
    if before != rows:
        raise ConfigError(
            "resume is true, but the training rows are others than those that the run was begun with; "
            "allowed: the same data, or overwrite: true to begin anew."
        )
    return lines


def _line_of(row: Mapping[str, Any]) -> Line:
    """Return a line as it was before it was written: JSON has no NaN."""
    scores = {
        part: {name: float("nan") if value is None else value for name, value in found.items()}
        for part, found in row["scores"].items()
    }
    return Line(**{**row, "scores": scores})


def _fit_baseline(data: Prepared, method: Method, folder: Path, listener: Listener) -> Line:
    settings = data.config.training
    training = replace(settings, learning_rate=data.config.baseline.learning_rate, save_every=0)
    model, callbacks = _build_again(data, method)
    callbacks = [*callbacks, StopAtStep(listener, keeps=False)]
    return _line(method, fit(data, model, training, folder, label=method.label, callbacks=callbacks))


def _fit_method(
    data: Prepared, method: Method, folder: Path, checkpoint: Checkpoint | None, listener: Listener
) -> tuple[Fitted, adalora.AdaLoRAController | None, Base | None]:
    model, callbacks = _build_again(data, method)
    step = checkpoint.step if checkpoint else 0
    remove_halves(folder)
    cut_records((folder / files.METRICS, folder / files.TRIPLETS), step)
    board = Board(folder / files.TENSORBOARD, callbacks, step)
    watchers: list[TrainerCallback] = [
        MetricsFile(folder / files.METRICS),
        TripletsFile(folder / files.TRIPLETS, callbacks),
        board,
    ]
    every = data.config.tensorboard_figures_every
    if every and adalora.adapters(model):
        watchers.append(FigureBoard(board.writer, callbacks, every, folder))
    training = data.config.training

    def keep() -> None:
        method.save(model, callbacks, folder)
        controller = controller_of(callbacks)
        if controller:
            files.write_json(folder / files.ALLOCATION, [asdict(row) for row in controller.history])

    fitted = fit(
        data,
        model,
        training,
        folder,
        label=method.label,
        callbacks=[*callbacks, *watchers, Mark(checkpoint), StopAtStep(listener, keeps=True)],
        trained=keep,
        checkpoint=checkpoint.folder if checkpoint else None,
    )
    if checkpoint:
        fitted = replace(fitted, seconds=checkpoint.seconds + fitted.seconds)
    board.close()
    if (folder / files.ADAPTER).is_dir():
        _complete_card(folder / files.ADAPTER, fitted.scores)
    return fitted, controller_of(callbacks), base_of(model, data.config)


def _complete_card(adapter: Path, scores: Mapping[str, Scores]) -> None:
    """Put the numbers of the run in the card of its adapter, which was saved before they were known."""
    write_card(adapter, read_header(adapter / HEADER), as_numbers(scores))


def _build_again(data: Prepared, method: Method) -> tuple[nn.Module, list[TrainerCallback]]:
    """Build what the rehearsal has built; what there is to warn of has been said there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return build(data, method)


def _line(method: Method, fitted: Fitted) -> Line:
    return Line(method.label, fitted.scores, fitted.trained, fitted.seconds, fitted.steps)


def _draw(folder: Path, data: Prepared, controller: adalora.AdaLoRAController | None) -> None:
    pictures = folder / files.PICTURES
    if controller:
        history, schedule = controller.history, controller.schedule
        heatmap = analysis.rank_heatmap(controller.ranks(), initial=data.config.adapter.rank)
        analysis.save_figure(heatmap, pictures / "ranks.png")
        analysis.save_figure(analysis.rank_evolution(history, schedule), pictures / "evolution.png")
        analysis.save_figure(analysis.budget_curve(history, schedule), pictures / "budget.png")
    curve = training_curve(files.read_metrics(folder), data.task.headline)
    analysis.save_figure(curve, pictures / "training.png")
