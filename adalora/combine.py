"""One adapter out of several."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .checks import integer, require
from .config import AdapterConfig
from .inject import inject_saved
from .injected import active_adapters, injected_configs, require_adapter
from .layers import AdaptedLayer, largest_rank
from .naming import exact_names
from .products import Product, products, truncated
from .switch import activate, require_weights, set_adapter, weights_of
from .updates import SVDUpdate
from .walk import adapters, walk


@dataclass(frozen=True)
class _Part:
    """Factors of one layer, and what share of Σσ² they leave out."""

    left: Tensor
    lam: Tensor
    right: Tensor
    discarded: float


def combine(
    model: nn.Module, weights: Mapping[str, float], name: str, rank: int | None = None
) -> dict[str, float]:
    """Add an adapter that is the weighted sum of others, Σₖ wₖ ΔWₖ, and let it alone take part.

    The sum is exact, by laying the factors side by side, or at a chosen rank the best approximation of it in
    Frobenius norm, by an SVD of the factors: the d₁ × d₂ sum is never formed. The others stay as they are. Of
    the modules that they train in full, the new one takes over the copy of the last that has one of it.

    Args:
        model: a model with the adapters.
        weights: wₖ by adapter name.
        name: of the new adapter; its updates are ``SVDUpdate``s, with s = 1.
        rank: of every matrix, at most; None for the exact sum.

    Returns:
        The share of Σσ² that is left out, by module name; 0 where the sum is exact.

    Raises:
        ConfigError: there are no weights, or one is not finite, or an adapter has DoRA; or the rank is no
            whole number of at least 1.
        StateError: the model lacks one of the adapters, has one of the new name, or is merged.
            The model is unchanged in each case.
    """
    asked = weights_of(weights)
    require(len(asked) > 0, "weights", weights, "weights by adapter name")
    for one in asked:
        require_adapter(model, one)
    require_weights(model, asked)
    configs = injected_configs(model)
    for one in asked:
        require(not configs[one].dora, "weights", list(asked), f"adapters without DoRA, which {one!r} has")
    most = None if rank is None else integer("rank", rank, 1)
    layers = adapters(model)
    parts = {module: _part(layers[module], found, most) for module, found in products(model, asked).items()}

    before = active_adapters(model)
    activate(model, asked)  # so that the copies are of what the last of them has trained
    try:
        with torch.random.fork_rng(devices=[]):  # its random start is overwritten at once
            inject_saved(model, _config(model, asked, parts), name, {}, parts)
    except BaseException:
        activate(model, before)
        raise
    for module, part in parts.items():
        _fill(adapters(model)[module].updates[name], part)
    set_adapter(model, name)
    return {module: part.discarded for module, part in parts.items()}


def _part(layer: AdaptedLayer, found: Product, most: int | None) -> _Part:
    largest = largest_rank(layer.kind, layer.base)
    rank = largest if most is None else min(largest, most)
    lam = found.lam * found.scale
    if found.rank <= rank:
        return _Part(found.left, lam, found.right, 0.0)
    return _Part(*truncated(found.left, lam, found.right, rank))


def _config(model: nn.Module, asked: Mapping[str, float], parts: Mapping[str, _Part]) -> AdapterConfig:
    configs = injected_configs(model)
    rank = max(1, *(part.lam.shape[-1] for part in parts.values()))
    trained = [suffix for name in configs if name in asked for suffix in configs[name].train_modules]
    return AdapterConfig(
        update="svd",
        rank=rank,
        alpha=float(rank),
        target_modules=exact_names(list(parts), [name for name, _ in walk(model)]),
        train_modules=list(dict.fromkeys(trained)),
    )


@torch.no_grad()
def _fill(update: nn.Module, part: _Part) -> None:
    assert isinstance(update, SVDUpdate)  # noqa: S101 - by the configuration above
    update.resize_(part.lam.shape[-1])
    update.P.copy_(part.left)
    update.lam.copy_(part.lam)
    update.Q.copy_(part.right)
