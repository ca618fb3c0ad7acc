"""A frozen linear layer and a low-rank update in one differentiable operation.

h = W₀x + b + P·diag(c)·Qx with c = s·λ. There are two ways to compute it, and `cost` chooses:

- accumulate: the update is added to the output of the base product in place, and so is its gradient to the
  gradient of x. Two tensors are kept for the backward pass: the input, which layers that read the same one
  share, and the r × N product Qx.
- sum: W₀ + P·diag(c)·Q is formed and used like a plain weight, and formed again in the backward pass. Only
  the input is kept.

Everything of the size of a factor is computed again in the backward pass.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..updates import Parts, Precision
from .cost import sum_is_cheaper
from .saved_input import keep, read
from .thin import thin_product


def linear_with_update(
    x: Tensor, weight: Tensor, bias: Tensor | None, parts: Parts, precision: Precision = "exact"
) -> Tensor:
    """Return W₀x + b + ΔWx for a frozen linear layer.

    Args:
        x: shape (…, d₂).
        weight: W₀, d₁ × d₂; it gets no gradient.
        bias: b, shape (d₁,), or None; it gets no gradient.
        parts: ΔW.
        precision: what of the input is kept for the gradient of the right factor.

    Returns:
        Shape (…, d₁), in the type in which autocast would run a linear layer.
    """
    left, middle, right, scale = parts
    # In half precision W₀ + ΔW would round the update away. With a rounded input the product Qx is kept: the
    # gradient of ``left`` is made of it, and stays exact.
    summed = (
        sum_is_cheaper(x.shape[:-1].numel(), *weight.shape)
        and weight.dtype == right.dtype == _running_type(x)
        and weight.dtype.itemsize >= 4
        and precision == "exact"
    )
    function = cast(Any, _Sum if summed else _Accumulate)
    if not torch.is_grad_enabled():
        precision = "exact"
    return cast(Tensor, function.apply(scale, precision, x, weight, bias, left, middle, right))


def update_added(out: Tensor, x: Tensor, parts: Parts, precision: Precision = "exact") -> Tensor:
    """Return out + ΔWx for the output of a base layer that has run on its own.

    Args:
        out: shape (…, d₁).
        x: shape (…, d₂).
        parts: ΔW.
        precision: see `linear_with_update`.

    Returns:
        Shape (…, d₁), in the type of ``out``.
    """
    left, middle, right, scale = parts
    if not torch.is_grad_enabled():
        precision = "exact"
    return cast(Tensor, cast(Any, _Add).apply(scale, precision, out, x, left, middle, right))


class _Accumulate(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd passes by position
        ctx: Any,
        scale: float,
        precision: Precision,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        left: Tensor,
        middle: Tensor | None,
        right: Tensor,
    ) -> Tensor:
        dtype = _running_type(x)
        rows = _rows(x, dtype)
        out = F.linear(rows, _as(weight, dtype), None if bias is None else _as(bias, dtype))
        hidden = thin_product(_as(right, dtype), rows)
        weighted = hidden * _diagonal(middle, scale, dtype)
        out.addmm_(weighted.t(), _as(left, dtype).t())
        ctx.save_for_backward(*keep(x, precision), hidden, weight, left, middle, right)
        ctx.scale = scale
        return out.view(*x.shape[:-1], out.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # Unpacked once: under activation checkpointing every look at them runs the forward again.
        kept, kept_scale, hidden, weight, left, middle, right = ctx.saved_tensors
        dtype = grad.dtype
        rows = _rows(grad, dtype)
        inner = thin_product(_as(left, dtype).t(), rows)
        c = _diagonal(middle, ctx.scale, dtype)
        weighted = inner * c
        grad_x = None
        if ctx.needs_input_grad[2]:
            grad_x = rows @ _as(weight, dtype)
            grad_x.addmm_(weighted.t(), _as(right, dtype))
            grad_x = grad_x.view(*grad.shape[:-1], weight.shape[1])
        x = _rows(read(kept, kept_scale, dtype), dtype)
        grad_left, grad_middle = _left_gradients(hidden, inner, rows, middle, c, ctx.scale)
        return None, None, grad_x, None, None, grad_left, grad_middle, weighted @ x


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: Any,
        scale: float,
        _precision: Precision,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        left: Tensor,
        middle: Tensor | None,
        right: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, left, middle, right)
        ctx.scale = scale
        W = _sum(weight, left, _diagonal(middle, scale, x.dtype), right)
        return F.linear(_rows(x, x.dtype), W, bias).view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, left, middle, right = ctx.saved_tensors
        rows, inputs = _rows(grad, grad.dtype), _rows(x, x.dtype)
        c, grad_x = _diagonal(middle, ctx.scale, grad.dtype), None
        if ctx.needs_input_grad[2]:
            grad_x = (rows @ _sum(weight, left, c, right)).view(x.shape)
        hidden, inner = thin_product(right, inputs), thin_product(left.t(), rows)
        grad_left, grad_middle = _left_gradients(hidden, inner, rows, middle, c, ctx.scale)
        return None, None, grad_x, None, None, grad_left, grad_middle, inner * c @ inputs


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: Any,
        scale: float,
        precision: Precision,
        out: Tensor,
        x: Tensor,
        left: Tensor,
        middle: Tensor | None,
        right: Tensor,
    ) -> Tensor:
        dtype = out.dtype
        hidden = thin_product(_as(right, dtype), _rows(x, dtype))
        weighted = hidden * _diagonal(middle, scale, dtype)
        ctx.save_for_backward(*keep(x, precision), hidden, left, middle, right)
        ctx.scale, ctx.dtype = scale, x.dtype
        return torch.addmm(_rows(out, dtype), weighted.t(), _as(left, dtype).t()).view(out.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        kept, kept_scale, hidden, left, middle, right = ctx.saved_tensors
        dtype = grad.dtype
        rows = _rows(grad, dtype)
        inner = thin_product(_as(left, dtype).t(), rows)
        c = _diagonal(middle, ctx.scale, dtype)
        weighted = inner * c
        grad_x = None
        if ctx.needs_input_grad[3]:
            grad_x = weighted.t() @ _as(right, dtype)
            grad_x = _as(grad_x.view(*grad.shape[:-1], right.shape[1]), ctx.dtype)
        x = _rows(read(kept, kept_scale, dtype), dtype)
        grad_left, grad_middle = _left_gradients(hidden, inner, rows, middle, c, ctx.scale)
        grad_out = grad if ctx.needs_input_grad[2] else None
        return None, None, grad_out, grad_x, grad_left, grad_middle, weighted @ x


def _left_gradients(  # noqa: PLR0917 - each is another letter of one equation
    hidden: Tensor, inner: Tensor, grad: Tensor, middle: Tensor | None, c: Tensor | float, scale: float
) -> tuple[Tensor, Tensor | None]:
    """Return the gradients of left, in the type of ``grad``, and of middle.

    Args:
        hidden: right · xᵀ, r × N.
        inner: leftᵀ · gradᵀ, r × N.
        grad: the gradient of the output, N × d₁.
        middle: the diagonal, or None for ones.
        c: from `_diagonal`.
        scale: s.
    """
    # Thin on the left: two to three times faster than the product that has the factor's own shape.
    grad_left = (hidden * c @ grad).t()
    if middle is None:
        return grad_left, None
    # In the type of the parameter: in float16 a loss that is scaled up would overflow.
    grad_middle = (_as(hidden, middle.dtype) * _as(inner, middle.dtype)).sum(1)
    return grad_left, grad_middle.mul_(scale)


def _diagonal(middle: Tensor | None, scale: float, dtype: torch.dtype) -> Tensor | float:
    """Return c = scale · middle as a column, or the scale alone."""
    return scale if middle is None else _as(middle * scale, dtype).unsqueeze(1)


def _sum(weight: Tensor, left: Tensor, c: Tensor | float, right: Tensor) -> Tensor:
    """Return W₀ + ΔW."""
    return torch.addmm(weight, left, right * c)


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
