"""Parameters whose shape changes while everybody goes on holding them."""

import torch
from torch import Tensor


def resize_(parameter: Tensor, data: Tensor) -> None:
    """Give a parameter numbers of another shape; it stays the same object, without a gradient."""
    parameter.grad = None
    # A loop's `loss` may still hold the last graph, and in it a node that expects gradients of the old shape.
    # torch lets go of that node when the type changes, and only then.
    other = torch.float32 if parameter.dtype == torch.float64 else torch.float64
    parameter.data = torch.empty(0, dtype=other, device=parameter.device)
    parameter.data = data
