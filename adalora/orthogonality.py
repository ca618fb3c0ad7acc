"""The orthogonality penalty: its value, its closed-form gradient, and a differentiable form.

R(P, Q) = ‖PᵀP − I‖²_F + ‖QQᵀ − I‖²_F. Source: Zhang et al. 2023, arXiv 2303.10512, equation 4.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from .batches import by_shape
from .errors import ConfigError
from .updates import SVDUpdate
from .walk import adapters

Form = Literal["squared_sum", "mean_norm"]


def orthogonality_penalty(model: nn.Module, form: Form = "squared_sum") -> Tensor:
    """Return the penalty of every SVD update of a model as a differentiable scalar, for use in a loss.

    Who adds it to the loss sets ``AllocationConfig(orthogonality=0)``, so that it does not count twice.

    Args:
        model: a model with at least one SVD update.
        form: ``"squared_sum"``, Σ R over the matrices (the paper), or ``"mean_norm"``, the mean of ‖·‖_F over
            all 2n factors (the authors' code).

    Raises:
        ConfigError: ``form`` is unknown, or the model has no SVD update.
    """
    factors = [
        factor
        for layer in adapters(model).values()
        for update in layer.named_updates().values()
        if isinstance(update, SVDUpdate)
        for factor in (update.P, update.Q.mT)
    ]
    if not factors:
        raise ConfigError("model has no SVD update; call inject(model, AdapterConfig(update='svd')) first.")
    residuals = [_residual(factor) for factor in factors]
    device = residuals[0].device
    if form == "squared_sum":
        return torch.stack([residual.square().sum().to(device) for residual in residuals]).sum()
    if form == "mean_norm":
        return torch.cat([_norms(one).flatten().to(device) for one in residuals]).mean()
    raise ConfigError(f"form is {form!r}; allowed: 'squared_sum' or 'mean_norm'.")


@torch.no_grad()
def penalty_and_gradients(
    columns: Sequence[Tensor], rows: Sequence[Tensor], form: Form
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Return the penalty of factors and its gradient for each, in closed form.

    ∂‖PᵀP−I‖²_F/∂P = 4P(PᵀP−I) and ∂‖PᵀP−I‖_F/∂P = 2P(PᵀP−I)/‖PᵀP−I‖_F, zero where the norm is zero; for Q
    transposed. Factors of one shape are multiplied together, so the number of operations does not grow with
    the number of matrices.

    Args:
        columns: P of each update, whose columns should be orthonormal.
        rows: Q of each update, whose rows should be.
        form: see `orthogonality_penalty`.

    Returns:
        The penalty as a scalar on the first factor's device, a gradient for each P and one for each Q.
    """
    tall = [(columns, positions, stack) for positions, (stack,) in by_shape(columns)]
    flat = [(rows, positions, stack.mT) for positions, (stack,) in by_shape(rows)]
    groups = [(side, positions, stack, _residual(stack)) for side, positions, stack in (*tall, *flat)]
    norms = [_norms(residual) for *_, residual in groups]
    every = torch.cat([norm.flatten().to(norms[0].device) for norm in norms])
    found: dict[tuple[bool, int], Tensor] = {}
    for (side, positions, stack, residual), norm in zip(groups, norms, strict=True):
        if form == "squared_sum":
            gradient = 4 * _times(stack, residual)
        else:
            direction = torch.where(norm > 0, residual / norm, 0.0)
            gradient = (2 / every.numel()) * _times(stack, direction)
        gradient = gradient if side is columns else gradient.mT
        found |= {(side is columns, at): one for at, one in zip(positions, gradient.unbind(), strict=True)}
    value = every.square().sum() if form == "squared_sum" else every.mean()
    return (
        value,
        [found[True, position] for position in range(len(columns))],
        [found[False, position] for position in range(len(rows))],
    )


def _norms(residual: Tensor) -> Tensor:
    """‖·‖_F of each matrix, with dimensions of size 1 in its place."""
    norms: Tensor = torch.linalg.vector_norm(residual, dim=(-2, -1), keepdim=True)
    return norms


def _times(factor: Tensor, residual: Tensor) -> Tensor:
    return _wide(factor) @ residual


def _residual(factor: Tensor) -> Tensor:
    """FᵀF − I, of shape (r, r), for each matrix of a stack."""
    wide = _wide(factor)
    gram = wide.mT @ wide
    return gram - torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)


def _wide(factor: Tensor) -> Tensor:
    return factor if factor.itemsize >= 4 else factor.float()
