"""The orthogonality penalty: its value, its closed-form gradient, and a differentiable form.

R(P, Q) = ‖PᵀP − I‖²_F + ‖QQᵀ − I‖²_F. Source: Zhang et al. 2023, arXiv 2303.10512, equation 4.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from .errors import ConfigError
from .updates import SVDUpdate
from .walk import adapters

Form = Literal["squared_sum", "mean_norm"]


def orthogonality_penalty(model: nn.Module, form: Form = "squared_sum") -> Tensor:
    """Return the penalty of every active SVD update of a model as a differentiable scalar, for use in a loss.

    Who adds it to the loss sets ``AllocationConfig(orthogonality=0)``, so that it does not count twice.

    Args:
        model: a model with at least one active SVD update.
        form: ``"squared_sum"``, Σ R over the matrices (the paper), or ``"mean_norm"``, the mean of ‖·‖_F over
            all 2n factors (the authors' code).

    Raises:
        ConfigError: ``form`` is unknown, or the model has no active SVD update.
    """
    factors = [
        factor
        for layer in adapters(model).values()
        for update in layer.active_updates().values()
        if isinstance(update, SVDUpdate)
        for factor in (update.P, update.Q.mT)
    ]
    if not factors:
        raise ConfigError(
            "model has no active SVD update; call inject(model, AdapterConfig(update='svd')) first."
        )
    residuals = [_residual(factor) for factor in factors]
    device = residuals[0].device
    if form == "squared_sum":
        return torch.stack([residual.square().sum().to(device) for residual in residuals]).sum()
    if form == "mean_norm":
        return torch.cat([_norms(one).flatten().to(device) for one in residuals]).mean()
    raise ConfigError(f"form is {form!r}; allowed: 'squared_sum' or 'mean_norm'.")


@torch.no_grad()
def penalty_and_gradients(
    columns: Sequence[Tensor],
    rows: Sequence[Tensor],
    identities: Sequence[Tensor],
    *,
    form: Form,
    factor: float | Tensor,
    out: tuple[Sequence[Tensor], Sequence[Tensor]],
) -> Tensor:
    """Return the penalty of stacks of factors, and write ``factor`` times its gradient, in closed form.

    ∂‖PᵀP−I‖²_F/∂P = 4P(PᵀP−I) and ∂‖PᵀP−I‖_F/∂P = 2P(PᵀP−I)/‖PᵀP−I‖_F, zero where the norm is zero; for Q
    transposed. A triplet that is zero here and in ``identities`` does not count.

    Args:
        columns: stacks of P, n × d₁ × r, whose columns should be orthonormal.
        rows: stacks of Q, n × r × d₂, whose rows should be.
        identities: stacks of I, n × r × r.
        form: see `orthogonality_penalty`.
        factor: of the gradient.
        out: where the gradients go: stacks like ``columns`` and like ``rows``.

    Returns:
        The penalty as a scalar on the first stack's device.
    """
    residuals = [P.mT @ P for P in columns] + [Q @ Q.mT for Q in rows]
    torch._foreach_sub_(residuals, [*identities, *identities])
    norms = [_norms(residual) for residual in residuals]
    every = torch.cat([norm.flatten().to(norms[0].device) for norm in norms])
    if form == "squared_sum":
        torch._foreach_mul_(residuals, 4)
    else:
        # A norm of zero is of a residual of zeros, which may be divided by any number.
        torch._foreach_clamp_min_(norms, torch.finfo(torch.float32).tiny ** 0.5)
        torch._foreach_div_(residuals, norms)
        torch._foreach_mul_(residuals, 2 / max(every.numel(), 1))
    if isinstance(factor, Tensor):
        torch._foreach_mul_(residuals, [factor.to(residual.device) for residual in residuals])
    else:
        torch._foreach_mul_(residuals, factor)
    for P, direction, gradient in zip(columns, residuals[: len(columns)], out[0], strict=True):
        torch.matmul(P, direction, out=gradient)
    for Q, direction, gradient in zip(rows, residuals[len(columns) :], out[1], strict=True):
        torch.matmul(direction, Q, out=gradient)
    return every.square().sum() if form == "squared_sum" else every.mean()


def _norms(residual: Tensor) -> Tensor:
    """‖·‖_F of each matrix, with dimensions of size 1 in its place."""
    norms: Tensor = torch.linalg.vector_norm(residual, dim=(-2, -1), keepdim=True)
    return norms


def _residual(factor: Tensor) -> Tensor:
    """FᵀF − I, of shape (r, r), for each matrix of a stack."""
    wide = _wide(factor)
    gram = wide.mT @ wide
    return gram - torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)


def _wide(factor: Tensor) -> Tensor:
    return factor if factor.itemsize >= 4 else factor.float()
