"""DoRA: a weight as a direction, which the updates move, and a trained magnitude for each of its rows.

h = m ⊙ (W x) / ‖W‖ + b with W = W₀ + ΔW and ‖·‖ the norm of each row, through which no gradient flows.
Source: Liu et al. 2024, arXiv 2402.09353, equations 5 and 11.
"""

import torch
from torch import Tensor


def row_norms(W: Tensor) -> Tensor:
    """Return the norm of each row of W (d₁ × d₂), shape (d₁,)."""
    norms: Tensor = torch.linalg.vector_norm(W, dim=1)
    return norms


def row_scales(magnitude: Tensor, norms: Tensor) -> Tensor:
    """Return m/‖W‖, shape (d₁,); a row that is zero has magnitude zero, and stays so until it is not."""
    return magnitude / norms.clamp_min(torch.finfo(norms.dtype).tiny)
