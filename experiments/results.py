"""The numbers of a run: what is written to ``results.json`` and printed at the end."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

import adalora
from adalora.allocation import UNITS

from .config import RunConfig
from .metrics import OF_CLASS, Scores
from .quantization import call_of

# Correlations, and sums that know no 100 %; the others are shares.
_PLAIN = {"pearson", "spearman", "matthews", "nist", "cider"}


@dataclass(frozen=True)
class Line:
    """One row of the comparison.

    Attributes:
        label: what was done.
        scores: the task's numbers on each test part.
        trained: number of weights that were trained.
        seconds: time of the training.
        steps: optimizer steps.
    """

    label: str
    scores: dict[str, Scores]
    trained: int = 0
    seconds: float = 0.0
    steps: int = 0


@dataclass(frozen=True)
class Rank:
    """Where the rank went.

    Attributes:
        matrices: adapted matrices.
        initial: triplets at the start.
        budget: what the schedule allows at the end.
        unit: what the budget counts, triplets or parameters.
        kept: triplets that are alive, the sum of all ranks.
        lowest: rank of the matrix that kept least.
        highest: rank of the matrix that kept most.
    """

    matrices: int
    initial: int
    budget: int
    kept: int
    lowest: int
    highest: int
    unit: str = "triplets"


@dataclass(frozen=True)
class Base:
    """The frozen weights of a run that has quantised them.

    Attributes:
        kind: how, such as ``"nf4"``.
        call: Python that quantises ``model`` in the same way.
        weights: numbers that the quantised layers hold.
        bytes: memory of these numbers with all constants that belong to them, measured.
    """

    kind: str
    call: str
    weights: int
    bytes: int


@dataclass(frozen=True)
class Results:
    """What a run has shown.

    Attributes:
        name: of the run.
        task: of the run.
        about: what the task is, in one line.
        model: of the run.
        auto_class: class of `transformers` that builds the model.
        labels: classes, 1 for a number, 0 where the model's output is of another kind.
        headline: metric by which the lines are compared, on the first test part.
        weights: number of all weights of the trained model.
        lines: constant answer, head alone, and the method of the run, which is the last one.
        rank: where the rank went; None for a method without one.
        adapter: whether the run has an adapter, which can be loaded.
        base: the frozen weights, where they are quantised; else None.
        loading: Python that makes the model from its name, ``base``, an import and an expression; None where
            ``auto_class`` is enough.
        precision: in which the model was trained and measured.
        optimizer: the one that trained, whatever the settings ask for.
        notes: sentences on what was done otherwise than the settings say.
    """

    name: str
    task: str
    about: str
    model: str
    auto_class: str
    labels: int
    headline: str
    weights: int
    lines: tuple[Line, ...]
    rank: Rank | None
    adapter: bool = True
    base: Base | None = None
    loading: tuple[str, str] | None = None
    precision: str = "float32"
    optimizer: str = "adamw"
    notes: tuple[str, ...] = ()


def rank_of(controller: adalora.AdaLoRAController) -> Rank:
    """Return where the rank is now."""
    ranks = controller.ranks().values()
    return Rank(
        matrices=len(ranks),
        initial=sum(controller.history[0].ranks.values()),
        budget=controller.schedule.budget(controller.step),
        kept=sum(ranks),
        lowest=min(ranks),
        highest=max(ranks),
        unit=UNITS[controller.config.budget_unit],
    )


def base_of(model: nn.Module, config: RunConfig) -> Base | None:
    """Return what the quantised weights of a trained model take; None where the run has quantised none."""
    kind = config.quantization.kind
    if kind is None:
        return None
    size = adalora.footprint(model)
    return Base(kind, call_of(model, config), size.weights, size.bytes)


def shown(metric: str, value: float) -> str:
    """Return a metric as people write it: ``0.823`` where there is no 100 %, ``82.3 %`` for a share."""
    return f"{value:.3f}" if metric in _PLAIN else f"{100 * value:.1f} %"


def score_cells(line: Line) -> dict[str, str]:
    """Return the numbers of a line by the name of their column, with the test part if there are several.

    Those of single classes have a table of their own, see `class_table`.
    """
    several = len(line.scores) > 1
    return {
        f"{metric} ({part})" if several else metric: shown(metric, value)
        for part, scores in line.scores.items()
        for metric, value in scores.items()
        if OF_CLASS not in metric
    }


def class_table(line: Line) -> list[list[str]]:
    """Return the numbers ``METRIC/CLASS`` on the first test part as a head and a row for each class.

    Empty where there are none; a hyphen stands for a number that a class does not have.
    """
    scores = next(iter(line.scores.values()))
    pairs = [metric.split(OF_CLASS, 1) for metric in scores if OF_CLASS in metric]
    metrics, names = (
        (list(dict.fromkeys(column)) for column in zip(*pairs, strict=True)) if pairs else ([], [])
    )
    cells = {(metric, name): shown(metric, scores[metric + OF_CLASS + name]) for metric, name in pairs}
    rows = [[name, *(cells.get((metric, name), "-") for metric in metrics)] for name in names]
    return [["class", *metrics], *rows] if rows else []


def table(results: Results) -> str:
    """Return the lines as a table for the terminal, below it the classes of the last one, rank and base."""
    columns = [*score_cells(results.lines[0]), "weights trained", "seconds"]
    parts = [
        in_columns([["", *columns], *(_cells(line) for line in results.lines)]),
        in_columns(class_table(results.lines[-1])),
        _in_words(results.rank) if results.rank else "",
        base_in_words(results.base) if results.base else "",
    ]
    return "\n\n".join(part for part in parts if part)


def base_in_words(base: Base) -> str:
    """Return what the quantised weights take, as a sentence."""
    return f"{base.weights:,} frozen weights in {base.kind}, {base.bytes / base.weights:.3f} bytes each"


def in_columns(rows: Sequence[list[str]]) -> str:
    """Return rows of cells as lines: the first column on the left, the others on the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join("   ".join(_aligned(row, widths)).rstrip() for row in rows)


def _cells(line: Line) -> list[str]:
    return [line.label, *score_cells(line).values(), f"{line.trained:,}", f"{line.seconds:.0f}"]


def _aligned(row: list[str], widths: list[int]) -> list[str]:
    return [
        row[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
    ]


def _in_words(rank: Rank) -> str:
    return (
        f"budget {rank.budget} {rank.unit}; {rank.kept} of {rank.initial} triplets kept in {rank.matrices} "
        f"matrices, {rank.lowest} to {rank.highest} in each"
    )
