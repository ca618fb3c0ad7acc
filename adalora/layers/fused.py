"""A frozen linear layer and a low-rank update in one differentiable operation.

h = W₀x + b + P·diag(c)·Qx with c = s·λ. There are two ways to compute it, and `cost` chooses:

- accumulate: the update is added to the output of the base product in place, and so is its gradient to the
  gradient of x. Two tensors are kept for the backward pass: the input, which layers that read the same one
  share, and the r × N product Qx.
- sum: W₀ + P·diag(c)·Q is formed and used like a plain weight, and formed again in the backward pass. Only
  the input is kept.

Everything of the size of a factor is computed again in the backward pass.
"""

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..updates import Parts
from .cost import sum_is_cheaper
from .saved_input import SavedInput
from .thin import thin_product


def linear_with_update(
    x: Tensor, weight: Tensor, bias: Tensor | None, parts: Parts, saved: SavedInput
) -> Tensor:
    """Return W₀x + b + ΔWx for a frozen linear layer.

    Args:
        x: shape (…, d₂).
        weight: W₀, d₁ × d₂; it gets no gradient.
        bias: b, shape (d₁,), or None; it gets no gradient.
        parts: ΔW.
        saved: what of the input is kept for the gradients of the factors.

    Returns:
        Shape (…, d₁), in the type in which autocast would run a linear layer.
    """
    dtype = _running_type(x)
    # In half precision W₀ + ΔW would round the update away.
    exact = dtype.itemsize >= 4 and weight.dtype == parts.right.dtype == dtype
    # With a rounded input the product is kept: the gradient of ``left`` is made of it, and stays exact.
    summed = exact and saved.precision == "exact" and sum_is_cheaper(x.shape[:-1].numel(), *weight.shape)
    function = cast(Any, _Sum if summed else _Accumulate)
    settings = _Settings(parts.scale, dtype)
    return cast(Tensor, function.apply(settings, x, weight, bias, *parts.tensors, *saved.keep(x)))


def update_added(out: Tensor, x: Tensor, parts: Parts, saved: SavedInput) -> Tensor:
    """Return out + ΔWx for the output of a base layer that has run on its own.

    Args:
        out: shape (…, d₁).
        x: shape (…, d₂).
        parts: ΔW.
        saved: see `linear_with_update`.

    Returns:
        Shape (…, d₁), in the type of ``out``.
    """
    settings = _Settings(parts.scale, out.dtype)
    function = cast(Any, _Add)
    return cast(Tensor, function.apply(settings, out, x, *parts.tensors, *saved.keep(x)))


class _Settings(NamedTuple):
    """What an operation needs beside tensors: s, and the type to compute in."""

    scale: float
    dtype: torch.dtype


def _factor(middle: Tensor | None, scale: float) -> Tensor | float:
    """Return c = scale · middle, or the scale alone."""
    return scale if middle is None else middle * scale


class _Accumulate(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes by position
        ctx: Any,
        settings: _Settings,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        left: Tensor,
        middle: Tensor | None,
        right: Tensor,
        kept: Tensor | None,
        kept_scale: Tensor | None,
    ) -> Tensor:
        scale, dtype = settings
        rows = _rows(x, dtype)
        out = _base(rows, weight, bias)
        hidden = thin_product(_as(right, dtype), rows)
        out.addmm_(hidden.t(), _as(left * _factor(middle, scale), dtype).t())
        ctx.save_for_backward(x if kept is None else kept, kept_scale, hidden, weight, left, middle, right)
        ctx.scale = scale
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # Unpacked once: under activation checkpointing every look at them runs the forward again.
        kept, kept_scale, hidden, weight, left, middle, right = ctx.saved_tensors
        rows, c = _rows(grad, grad.dtype), _factor(middle, ctx.scale)
        inner = thin_product(_as(left * c, rows.dtype).t(), rows)
        grad_x = None
        if ctx.needs_input_grad[1]:
            grad_x = rows @ _as(weight, rows.dtype)
            grad_x.addmm_(inner.t(), _as(right, rows.dtype))
            grad_x = grad_x.view(*grad.shape[:-1], weight.shape[1])
        x = SavedInput.read(kept, kept_scale, rows.dtype)
        grads = _factor_gradients(Parts(left, middle, right, ctx.scale), c, hidden, inner, x, rows)
        return None, grad_x, None, None, *grads, None, None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: Any,
        settings: _Settings,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        left: Tensor,
        middle: Tensor | None,
        right: Tensor,
        kept: Tensor | None,
        kept_scale: Tensor | None,
    ) -> Tensor:
        scale, dtype = settings
        W = torch.addmm(weight, left * _factor(middle, scale), right)
        out = _base(_rows(x, dtype), W, bias)
        ctx.save_for_backward(x if kept is None else kept, kept_scale, weight, left, middle, right)
        ctx.scale = scale
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        kept, kept_scale, weight, left, middle, right = ctx.saved_tensors
        rows, c = _rows(grad, grad.dtype), _factor(middle, ctx.scale)
        weighted = left * c
        grad_x = None
        if ctx.needs_input_grad[1]:
            grad_x = rows @ torch.addmm(weight, weighted, right)
            grad_x = grad_x.view(*grad.shape[:-1], weight.shape[1])
        x = SavedInput.read(kept, kept_scale, rows.dtype)
        hidden, inner = thin_product(right, x), thin_product(weighted.t(), rows)
        grads = _factor_gradients(Parts(left, middle, right, ctx.scale), c, hidden, inner, x, rows)
        return None, grad_x, None, None, *grads, None, None


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: Any,
        settings: _Settings,
        out: Tensor,
        x: Tensor,
        left: Tensor,
        middle: Tensor | None,
        right: Tensor,
        kept: Tensor | None,
        kept_scale: Tensor | None,
    ) -> Tensor:
        scale, dtype = settings
        hidden = thin_product(_as(right, dtype), _rows(x, dtype))
        ctx.save_for_backward(x if kept is None else kept, kept_scale, hidden, left, middle, right)
        ctx.scale, ctx.dtype = scale, x.dtype
        return torch.addmm(_rows(out, dtype), hidden.t(), _as(left * _factor(middle, scale), dtype).t()).view(
            out.shape
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        kept, kept_scale, hidden, left, middle, right = ctx.saved_tensors
        rows, c = _rows(grad, grad.dtype), _factor(middle, ctx.scale)
        inner = thin_product(_as(left * c, rows.dtype).t(), rows)
        grad_x = None
        if ctx.needs_input_grad[2]:
            grad_x = inner.t() @ _as(right, rows.dtype)
            grad_x = _as(grad_x.view(*grad.shape[:-1], right.shape[1]), ctx.dtype)
        x = SavedInput.read(kept, kept_scale, rows.dtype)
        grads = _factor_gradients(Parts(left, middle, right, ctx.scale), c, hidden, inner, x, rows)
        return None, grad if ctx.needs_input_grad[1] else None, grad_x, *grads, None, None


def _factor_gradients(  # noqa: PLR0917 - each is another letter of one equation
    parts: Parts, c: Tensor | float, hidden: Tensor, inner: Tensor, x: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return the gradients of left, middle and right.

    Args:
        parts: the update.
        c: scale · middle.
        hidden: right · xᵀ, r × N.
        inner: diag(c) · leftᵀ · gradᵀ, r × N.
        x: the input, N × d₂; of the gradients only that of right reads it.
        grad: the gradient of the output, N × d₁.
    """
    left, middle, right, scale = parts
    # Thin on the left: two to three times faster than the product that has the factor's own shape.
    product = _as((hidden @ grad).t(), left.dtype)
    grad_middle = None if middle is None else (product * left).sum(0).mul_(scale)
    return product * c, grad_middle, _as(inner @ x, right.dtype)


def _base(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    W = _as(weight, rows.dtype).t()
    return rows @ W if bias is None else torch.addmm(_as(bias, rows.dtype), rows, W)


def _rows(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return x of shape (…, d) as N × d."""
    return _as(x if x.dim() == 2 else x.reshape(-1, x.shape[-1]), dtype)


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the tensor in a type; the question is cheaper than a conversion that does nothing."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)


def _running_type(x: Tensor) -> torch.dtype:
    """Return the type in which autocast would run a linear layer on x."""
    kind = x.device.type
    mixed = torch.is_autocast_enabled(kind) and x.dtype != torch.float64
    return torch.get_autocast_dtype(kind) if mixed else x.dtype
