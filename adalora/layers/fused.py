"""A frozen linear layer and a low-rank update in one differentiable operation.

h = W₀x + b + s·P diag(λ) Q x accumulates into one output, and so does the gradient of x. Two tensors are kept
for the backward pass: the input, which layers that read the same one share, and Qx of N × r.
"""

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..updates import Parts
from .saved_input import SavedInput


def linear_with_update(
    x: Tensor, weight: Tensor, bias: Tensor | None, parts: Parts, saved: SavedInput
) -> Tensor:
    """Return W₀x + b + ΔWx for a frozen linear layer.

    Args:
        x: shape (…, d₂).
        weight: W₀, d₁ × d₂; it gets no gradient.
        bias: b, shape (d₁,), or None; it gets no gradient.
        parts: ΔW.
        saved: what of the input is kept for the gradient of ``right``.

    Returns:
        Shape (…, d₁), in the type in which autocast would run a linear layer.
    """
    mixed = torch.is_autocast_enabled(x.device.type) and x.dtype != torch.float64
    dtype = torch.get_autocast_dtype(x.device.type) if mixed else x.dtype
    function = cast(Any, _LinearWithUpdate)
    return cast(Tensor, function.apply(x, weight, bias, *parts, dtype, *saved.keep(x)))


class _LinearWithUpdate(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes by position
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        left: Tensor,
        middle: Tensor | None,
        right: Tensor,
        scale: float,
        dtype: torch.dtype,
        kept: Tensor | None,
        kept_scale: Tensor | None,
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1]).to(dtype)
        W = weight.to(dtype)
        out = rows @ W.t() if bias is None else torch.addmm(bias.to(dtype), rows, W.t())
        hidden = _add_(out, rows, Parts(left, middle, right, scale))
        ctx.save_for_backward(x if kept is None else kept, kept_scale, hidden, weight, left, middle, right)
        ctx.scale = scale
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # Unpacked once: under activation checkpointing every look at them runs the forward again.
        kept, kept_scale, hidden, weight, left, middle, right = ctx.saved_tensors
        parts = Parts(left, middle, right, ctx.scale)
        rows = grad.reshape(-1, grad.shape[-1])
        x = SavedInput.read(kept, kept_scale, rows.dtype)
        inner, grads = _factor_gradients(parts, hidden, x, rows)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = rows @ weight.to(rows.dtype)
            grad_x.addmm_(inner, parts.right.to(rows.dtype))
            grad_x = grad_x.view(*grad.shape[:-1], weight.shape[1])
        return grad_x, None, None, *grads, None, None, None, None


def _add_(out: Tensor, rows: Tensor, parts: Parts) -> Tensor:
    """Add ΔWx to out (N × d₁) for x in rows (N × d₂); return Qx."""
    hidden = rows @ parts.right.to(rows.dtype).t()
    scaled = hidden if parts.middle is None else hidden * parts.middle.to(rows.dtype)
    out.addmm_(scaled, parts.left.to(rows.dtype).t(), alpha=parts.scale)
    return hidden


def _factor_gradients(
    parts: Parts, hidden: Tensor, x: Tensor, grad: Tensor
) -> tuple[Tensor, tuple[Tensor | None, ...]]:
    """Return the gradient at Qx, and those of left, middle and right.

    Args:
        parts: the update.
        hidden: Qx, N × r.
        x: the input, N × d₂.
        grad: the gradient of the output, N × d₁.
    """
    inner = parts.scale * (grad @ parts.left.to(grad.dtype))
    scaled, grad_middle = hidden, None
    if parts.middle is not None:
        middle = parts.middle.to(grad.dtype)
        grad_middle = (inner * hidden).sum(0).to(parts.middle.dtype)
        scaled, inner = hidden * middle, inner * middle
    grad_left = (grad.t() @ scaled).mul_(parts.scale).to(parts.left.dtype)
    grad_right = (inner.t() @ x).to(parts.right.dtype)
    return inner, (grad_left, grad_middle, grad_right)
