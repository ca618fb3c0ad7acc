"""Training and rank allocation in TensorBoard."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from adalora import AdaLoRAController


def log_scalars(writer: SummaryWriter, step: int, values: Mapping[str, float | Tensor]) -> None:
    """Write a row of numbers: a loss, a learning rate, a metric of the task.

    Args:
        writer: where to write.
        step: optimizer steps taken.
        values: number by tag; a slash in the tag makes a section.
    """
    for tag, value in values.items():
        writer.add_scalar(tag, float(value), step)


def log_controller(writer: SummaryWriter, controller: AdaLoRAController) -> None:
    """Write where the rank is now: call it at every step, or as often as the loss is logged.

    The tags are ``allocation/budget``, ``allocation/threshold`` (the lowest score that was kept; from the
    first budget update on), ``allocation/penalty`` (γ·R), ``rank/MODULE``, and for the scores, which span
    many powers of ten, a histogram of their logarithm, ``log10_score/MODULE``. A score of zero has no
    logarithm and is left out.

    Args:
        writer: where to write.
        controller: the controller of the run; its ``step`` is the step of the row.
    """
    latest = controller.history[-1]
    row: dict[str, float | Tensor] = {
        "allocation/budget": controller.budget,
        "allocation/penalty": controller.penalty,
    }
    if latest.threshold is not None:
        row["allocation/threshold"] = latest.threshold
    row |= {f"rank/{module}": rank for module, rank in controller.ranks().items()}
    log_scalars(writer, controller.step, row)
    for module, scores in controller.scores().items():
        logarithms = scores[scores > 0].log10()
        logarithms = logarithms[logarithms.isfinite()]
        if len(logarithms) > 0:
            writer.add_histogram(f"log10_score/{module}", logarithms, controller.step, bins=30)


def log_figures(writer: SummaryWriter, step: int, figures: Mapping[str, Figure]) -> None:
    """Write pictures.

    Args:
        writer: where to write.
        step: optimizer steps taken.
        figures: what the functions of this package return, by tag.
    """
    for tag, figure in figures.items():
        writer.add_figure(tag, figure, step, close=False)
