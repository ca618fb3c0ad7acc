"""An adapter, or a weighted sum of several, as one product of thin matrices for each layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from .layers import AdaptedLayer, Origin
from .updates import SVDUpdate, Update
from .walk import adapters


@dataclass(frozen=True)
class Product:
    """ΔW = scale · left diag(lam) right, against the weight as it was before any adapter came.

    Attributes:
        left: … × d₁ × r.
        lam: … × r.
        right: … × r × d₂.
        scale: s.
        magnitude: DoRA's m, shape (d₁,), or None.
    """

    left: Tensor
    lam: Tensor
    right: Tensor
    scale: float
    magnitude: Tensor | None = None

    @property
    def rank(self) -> int:
        """Number of components."""
        return self.lam.shape[-1]


@torch.no_grad()
def products(model: nn.Module, weights: Mapping[str, float]) -> dict[str, Product]:
    """Return Σₖ wₖ ΔWₖ of every layer that one of the adapters is on, by module name.

    Pruned triplets are left out, as far as their λ is zero. What a start from singular vectors has taken out
    of the base weight is subtracted, as components of its own.

    Args:
        model: a model with these adapters.
        weights: wₖ by adapter name; DoRA's magnitudes are kept only of a single one.
    """
    return {
        module: _product(layer, {name: weight for name, weight in weights.items() if name in layer.updates})
        for module, layer in adapters(model).items()
        if any(name in layer.updates for name in weights)
    }


def _product(layer: AdaptedLayer, weights: Mapping[str, float]) -> Product:
    single = len(weights) == 1
    first = cast(Update, layer.updates[next(iter(weights))])
    scale = first.scaling if single and first.scaling != 0 else 1.0
    lefts, lams, rights = [], [], []
    for name, weight in weights.items():
        left, lam, right = _alive(cast(Update, layer.updates[name]), weight, scale)
        lefts.append(left)
        lams.append(lam)
        rights.append(right)
        if name in layer.origins:
            origin = cast(Origin, layer.origins[name])
            lefts.append(origin.left.to(left))
            lams.append(torch.full_like(origin.right[..., 0], -weight / scale).to(lam))
            rights.append(origin.right.to(right))
    magnitude = next((layer.magnitudes[name].detach() for name in weights if name in layer.magnitudes), None)
    return Product(
        torch.cat(lefts, dim=-1), torch.cat(lams, dim=-1), torch.cat(rights, dim=-2), scale, magnitude
    )


def _alive(update: Update, weight: float, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the components that are left, with a diagonal for which the scale is ``scale``."""
    left, middle, right, own = update.parts()
    lam = torch.ones_like(right[..., 0]) if middle is None else middle
    lam = lam if own * weight == scale else lam * (own * weight / scale)
    if isinstance(update, SVDUpdate):
        keep = update.mask | (lam != 0)  # until the pattern is frozen, the λ of pruned triplets train on
        keep = keep.any(0) if keep.dim() == 2 else keep  # in a stack each matrix may have lost others
        left, lam, right = left[..., keep], lam[..., keep], right[..., keep, :]
    return left.detach(), lam.detach(), right.detach()


@torch.no_grad()
def truncated(left: Tensor, lam: Tensor, right: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """Return the largest singular values and vectors of left diag(lam) right, from the factors alone.

    Args:
        left: … × d₁ × r.
        lam: … × r.
        right: … × r × d₂.
        rank: how many.

    Returns:
        U, σ, Vʰ, and the share of Σσ² that is left out.
    """
    Q1, R1 = torch.linalg.qr((left * lam.unsqueeze(-2)).double())
    Q2, R2 = torch.linalg.qr(right.double().mT)
    U, sigma, Vh = torch.linalg.svd(R1 @ R2.mT, full_matrices=False)
    whole, rest = sigma.square().sum().item(), sigma[..., rank:].square().sum().item()
    factors = Q1 @ U[..., :rank], sigma[..., :rank], Vh[..., :rank, :] @ Q2.mT
    P, kept, Q = (factor.to(left.dtype) for factor in factors)
    return P, kept, Q, rest / whole if whole > 0 else 0.0
