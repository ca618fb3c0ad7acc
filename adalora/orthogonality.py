"""The orthogonality penalty: its value, its closed-form gradient, and a differentiable form.

R(P, Q) = ‖PᵀP − I‖²_F + ‖QQᵀ − I‖²_F. Source: Zhang et al. 2023, arXiv 2303.10512, equation 4.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

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
    factors = tall_factors(
        update
        for layer in adapters(model).values()
        for update in layer.named_updates().values()
        if isinstance(update, SVDUpdate)
    )
    if not factors:
        raise ConfigError("model has no SVD update; call inject(model, AdapterConfig(update='svd')) first.")
    residuals = [_residual(factor) for factor in factors]
    device = residuals[0].device
    if form == "squared_sum":
        return torch.stack([residual.square().sum().to(device) for residual in residuals]).sum()
    if form == "mean_norm":
        return torch.cat([_norms(one).flatten().to(device) for one in residuals]).mean()
    raise ConfigError(f"form is {form!r}; allowed: 'squared_sum' or 'mean_norm'.")


def tall_factors(updates: Iterable[SVDUpdate]) -> list[Tensor]:
    """List P and Qᵀ of each update: matrices whose columns should be orthonormal."""
    return [factor for update in updates for factor in (update.P, update.Q.mT)]


@torch.no_grad()
def penalty_and_gradients(factors: Sequence[Tensor], form: Form) -> tuple[Tensor, list[Tensor]]:
    """Return the penalty of tall matrices and its gradient for each, in closed form.

    ∂‖PᵀP−I‖²_F/∂P = 4P(PᵀP−I) and ∂‖PᵀP−I‖_F/∂P = 2P(PᵀP−I)/‖PᵀP−I‖_F, zero where the norm is zero.

    Args:
        factors: matrices of shape (d, r) or stacks of them, from `tall_factors`; at least one.
        form: see `orthogonality_penalty`.

    Returns:
        The penalty as a scalar on the first factor's device, and a gradient of each factor's shape.
    """
    residuals = [_residual(factor) for factor in factors]
    norms = [_norms(residual) for residual in residuals]
    every = torch.cat([norm.flatten().to(norms[0].device) for norm in norms])
    if form == "squared_sum":
        return every.square().sum(), [
            4 * _times(factor, residual) for factor, residual in zip(factors, residuals, strict=True)
        ]
    directions = [
        torch.where(norm > 0, residual / norm, 0.0) for residual, norm in zip(residuals, norms, strict=True)
    ]
    scale = 2 / every.numel()
    return every.mean(), [
        scale * _times(factor, one) for factor, one in zip(factors, directions, strict=True)
    ]


def _norms(residual: Tensor) -> Tensor:
    """‖·‖_F of each matrix, with dimensions of size 1 in its place."""
    norms: Tensor = torch.linalg.vector_norm(residual, dim=(-2, -1), keepdim=True)
    return norms


def _times(factor: Tensor, residual: Tensor) -> Tensor:
    return factor.to(residual.dtype) @ residual


def _residual(factor: Tensor) -> Tensor:
    """FᵀF − I, of shape (r, r), for each matrix of a stack."""
    wide = factor.to(torch.promote_types(factor.dtype, torch.float32))
    gram = wide.mT @ wide
    return gram - torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
