"""How factors start: at random, or from the singular vectors of the weight."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

REFERENCE_STD = 0.02


def gaussian_(factor: Tensor) -> None:
    """Fill from N(0, 0.02²), as AdaLoRA's authors do; at d₂ = 833 this is also Kaiming's spread."""
    nn.init.normal_(factor, std=REFERENCE_STD)


def orthogonal_(factor: Tensor) -> None:
    """Fill with orthonormal columns or rows, whichever are fewer, so that the penalty starts at zero."""
    nn.init.orthogonal_(factor)


def kaiming_(factor: Tensor) -> None:
    """Fill a right factor (r × d₂) from U(−1/√d₂, 1/√d₂), as LoRA's authors do."""
    nn.init.kaiming_uniform_(factor, a=math.sqrt(5))


RANDOM: Mapping[str, Callable[[Tensor], None]] = MappingProxyType(
    {"gaussian": gaussian_, "orthogonal": orthogonal_, "kaiming": kaiming_}
)

# Which end of the spectrum: the largest singular values (Meng et al. 2024, arXiv 2404.02948) or the smallest
# (Wang et al. 2024, arXiv 2406.09044).
SPECTRAL = ("pissa", "milora")


@torch.no_grad()
def fill_(init: str, factor: Tensor, still: int | None = None) -> None:
    """Fill every matrix of a stack at random.

    Args:
        init: one of `RANDOM`.
        factor: … × rows × columns.
        still: a column that stays zero; the others start as if it were not there.
    """
    if still is None:
        for matrix in [factor] if factor.dim() == 2 else factor:
            RANDOM[init](matrix)
    else:
        rest = factor.new_empty(*factor.shape[:-1], factor.shape[-1] - 1)
        fill_(init, rest)
        factor.copy_(insert_zero(rest, still))


@torch.no_grad()
def singular_part(W: Tensor, rank: int, init: str, still: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the part of W = U diag(σ) Vʰ with the ``rank`` largest or smallest singular values.

    Args:
        W: … × d₁ × d₂.
        rank: at most min(d₁, d₂).
        init: ``"pissa"``, the largest, or ``"milora"``, the smallest.
        still: a column that the part leaves at zero.

    Returns:
        U (… × d₁ × r), σ (… × r) and Vʰ (… × r × d₂), in float32 at least.
    """
    W = W.to(torch.promote_types(W.dtype, torch.float32))
    if still is not None:
        W = torch.cat([W[..., :still], W[..., still + 1 :]], dim=-1)
    U, sigma, Vh = torch.linalg.svd(W, full_matrices=False)
    part = slice(None, rank) if init == "pissa" else slice(-rank, None)
    Vh = Vh[..., part, :]
    return U[..., part], sigma[..., part], Vh if still is None else insert_zero(Vh, still)


def insert_zero(factor: Tensor, column: int) -> Tensor:
    """Return ``factor`` with one more column, of zeros."""
    zero = factor.new_zeros(*factor.shape[:-1], 1)
    return torch.cat([factor[..., :column], zero, factor[..., column:]], dim=-1)
