"""How far the factors' gradients are off where layers keep rounded inputs."""

from typing import Any, get_args

import torch
from torch import Tensor, nn

import adalora
from adalora import SVDUpdate
from adalora.updates.parts import Precision

from . import ours
from .cases import Case, batches
from .config import BenchConfig
from .racer import Racer, own_loss

FACTORS = ("P", "lam", "Q")

Gradients = dict[str, dict[str, Tensor]]


def measure(case: Case, config: BenchConfig) -> dict[str, Any]:
    """Compare with the gradients from exact inputs, at the same weights on the same batch.

    Returns:
        By precision and factor: ``overall``, ‖g − g_exact‖/‖g_exact‖ over all matrices, and ``worst``, the
        largest such ratio of one ``matrix``. ``largest`` is the largest ``overall`` of a precision.
    """
    exact = _gradients(case, config, "exact")
    rounded = [one for one in get_args(Precision) if one != "exact"]
    return {one: errors(_gradients(case, config, one), exact) for one in rounded}


def errors(found: Gradients, exact: Gradients) -> dict[str, Any]:
    """Return the relative errors of gradients, given by factor and matrix."""
    rows = {factor: _of_factor(found[factor], exact[factor]) for factor in exact}
    return {**rows, "largest": max(row["overall"] for row in rows.values())}


def _of_factor(found: dict[str, Tensor], exact: dict[str, Tensor]) -> dict[str, Any]:
    off = {name: float((found[name] - exact[name]).norm()) for name in exact}
    size = {name: float(exact[name].norm()) for name in exact}
    relative = {name: off[name] / size[name] for name in exact if size[name] > 0}
    matrix = max(relative, key=relative.__getitem__)
    return {"overall": _norm(off) / _norm(size), "worst": relative[matrix], "matrix": matrix}


def _norm(parts: dict[str, float]) -> float:
    return float(torch.tensor(list(parts.values()), dtype=torch.float64).norm())


def _gradients(case: Case, config: BenchConfig, save_input: Precision) -> Gradients:
    model = ours.with_triplets(case, config, save_input)
    updates = svd_updates(model)
    spread_(updates, config.seed)
    (batch,) = batches(model, case, 1, config.seed)
    Racer(model, own_loss(model)).backward(batch)
    return {
        factor: {name: getattr(update, factor).grad.double().cpu() for name, update in updates.items()}
        for factor in FACTORS
    }


def svd_updates(model: nn.Module) -> dict[str, SVDUpdate]:
    """Return the triplets of every adapted matrix, by module name."""
    found = {name: layer.update for name, layer in adalora.adapters(model).items()}
    return {name: update for name, update in found.items() if isinstance(update, SVDUpdate)}


@torch.no_grad()
def spread_(updates: dict[str, SVDUpdate], seed: int) -> None:
    """Fill λ with normal numbers: at the start it is zero, and so are the gradients of P and Q."""
    generator = torch.Generator().manual_seed(seed)
    for update in updates.values():
        update.lam.copy_(torch.randn(update.lam.shape, generator=generator))
