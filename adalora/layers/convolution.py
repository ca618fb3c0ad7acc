"""Convolutions in one, two and three dimensions."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from .kind import PlainKind

_POINTWISE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class Convolution(PlainKind):
    """W₀ (out × in/groups × kernel) is read as a matrix with d₁ = out rows and d₂ = in/groups·kernel columns.

    ΔW is a matrix of the same shape, so its rank has nothing to divide by the groups: ``right`` is a
    convolution with r filters, the same for every group, and ``left`` mixes their outputs to each channel.
    """

    # Not fused: six layers with the sum written in place and a backward pass by hand took 0.98 to 1.13 of the
    # time of this, and with W₀ + ΔW 0.85 to 1.96, by size (64 to 768 channels, two cores, torch 2.13).

    linear = False

    def shape(self, base: Any) -> tuple[int, ...]:
        """Return (out, in/groups · kernel)."""
        weight = base.weight
        return int(weight.shape[0]), int(weight[0].numel())

    def matrix(self, base: Any, weight: Tensor) -> Tensor:
        """Return the filters as rows."""
        return weight.flatten(1)

    def arrange(self, base: Any, matrix: Tensor) -> Tensor:
        """Return rows as filters."""
        return matrix.reshape(base.weight.shape)

    def apply(
        self,
        base: Any,
        left: Tensor,
        right: Tensor,
        dropout: float,
        *inputs: Any,
        gates: Tensor | None = None,
    ) -> Tensor:
        """Convolve with the r filters of ``right`` as the base layer does, and mix them pointwise."""
        (x,) = inputs
        x = F.dropout(x.to(right.dtype), dropout)
        groups: int = base.groups
        filters = right.reshape(right.shape[0], *base.weight.shape[1:])
        filters = filters.repeat(groups, *[1] * (filters.dim() - 1))
        # The layer's own method knows stride, padding and its mode, dilation and groups.
        hidden = base._conv_forward(x, filters, None)
        if gates is not None:
            hidden = hidden * gates.repeat(1, groups).view(*hidden.shape[:2], *[1] * (filters.dim() - 2))
        pointwise = left.reshape(*left.shape, *[1] * (filters.dim() - 2))
        mixed: Tensor = _POINTWISE[filters.dim() - 2](hidden, pointwise, groups=groups)
        return mixed

    def spread(self, base: Any, spread: Callable[[Tensor], Tensor], *inputs: Any) -> Tensor:
        """Take the rows of the input; one without a dimension of examples has none."""
        (x,) = inputs
        return spread(x if x.dim() == base.weight.dim() else x.new_empty(0))

    def channels(self, base: Any) -> int | None:
        """Return the dimension before those of space."""
        return 1 - int(base.weight.dim())


CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
