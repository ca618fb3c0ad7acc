"""Gradients that are not finite: found with few operations, named, and taken away."""

from collections.abc import Iterable, Sequence
from math import isfinite

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from .errors import StateError

_SHOWN = 3


@torch.no_grad()
def all_finite(parameters: Iterable[Tensor]) -> bool:
    """Tell whether every gradient that there is has finite numbers alone; waits once for each device.

    Norms tell in one operation for all tensors. They overflow before the numbers do, so that a norm that is
    not finite is a suspicion, and only then is every number looked at.
    """
    groups: dict[object, list[Tensor]] = {}
    for gradient in _gradients(parameters):
        groups.setdefault(_kind(gradient), []).append(gradient)
    # Processes that share a group ask for its norm together, whatever each has found in other groups.
    suspected = [group for group in groups.values() if not isfinite(_norm(group))]
    return all([_is_finite(gradient) for group in suspected for gradient in group])  # noqa: C419


def _kind(gradient: Tensor) -> tuple[object, ...]:
    """Return what the gradients share whose norms can be taken together."""
    mesh = gradient.device_mesh if isinstance(gradient, DTensor) else None
    return mesh, gradient.device, gradient.itemsize < 4


def drop(parameters: Iterable[Tensor]) -> None:
    """Take every gradient away: an optimizer leaves a parameter without one alone, its decay included."""
    for parameter in parameters:
        parameter.grad = None


def refusal(
    model: nn.Module, adapter: Iterable[tuple[str, Tensor]], watched: Iterable[Tensor], step: int
) -> StateError:
    """Return the error that names the step and the first few parameters whose gradients are not finite.

    Args:
        model: names what is not of the adapter.
        adapter: the adapter's parameters and their names, which come first.
        watched: what was looked at; of this may be more than the model has.
        step: the step that does not happen.
    """
    outside = ((f"parameter {number} of the optimizer", one) for number, one in enumerate(watched))
    every: dict[int, tuple[str, Tensor]] = {}
    for name, parameter in (*adapter, *model.named_parameters(), *outside):
        every.setdefault(id(parameter), (name, parameter))
    bad = [name for name, parameter in every.values() if not all_finite([parameter])]
    shown = ", ".join(bad[:_SHOWN]) + (", …" if len(bad) > _SHOWN else "")
    return StateError(
        f"at step {step} the gradients of {len(bad)} parameters have a NaN or an infinite value ({shown}); "
        f"nothing has changed. Lower the learning rate, train float16 with a GradScaler, or leave such steps "
        f"out with nonfinite='skip'."
    )


def _gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the numbers of all gradients; those of a sparse one are what it holds."""
    found = [parameter.grad for parameter in parameters if parameter.grad is not None]
    dense = [gradient.coalesce().values() if gradient.is_sparse else gradient for gradient in found]
    return [gradient for gradient in dense if gradient.numel() > 0]


def _norm(gradients: Sequence[Tensor]) -> float:
    # Half precision ends at 65504, which a norm soon passes.
    dtype = torch.float32 if gradients[0].itemsize < 4 else None
    norms = torch._foreach_norm(list(gradients), 2, dtype=dtype)
    total = torch.linalg.vector_norm(torch.stack(list(norms)))
    # Each process has a shard: they must come to the same answer.
    return float((total.full_tensor() if isinstance(total, DTensor) else total).item())


def _is_finite(gradient: Tensor) -> bool:
    whole = gradient.full_tensor() if isinstance(gradient, DTensor) else gradient
    return bool(torch.isfinite(whole).all())
