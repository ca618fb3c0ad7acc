"""Ranks as a table: one row for each matrix type, one column for each layer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adalora import ConfigError
from adalora.locate import locate


@dataclass(frozen=True)
class RankTable:
    """Ranks by matrix type and layer.

    Attributes:
        types: matrix types in module order, n of them.
        layers: layer indices in rising order, m of them; a last None is for matrices outside the layers.
        values: ranks, shape (n, m); NaN where a layer has no matrix of the type.
    """

    types: tuple[str, ...]
    layers: tuple[int | None, ...]
    values: NDArray[np.float64]


def rank_table(ranks: Mapping[str, float]) -> RankTable:
    """Arrange ranks as in the figures of the AdaLoRA paper (arXiv 2303.10512).

    Args:
        ranks: rank by module name, as ``AdaLoRAController.ranks()`` returns it, or a mean of several runs.

    Raises:
        ConfigError: ``ranks`` is empty.
    """
    if not ranks:
        raise ConfigError("ranks is empty; allowed: at least one adapted matrix. Inject adapters first.")
    places = locate(ranks)
    types = tuple(dict.fromkeys(place.type for place in places.values()))
    layers = tuple(sorted({place.layer for place in places.values()}, key=lambda n: (n is None, n)))
    values = np.full((len(types), len(layers)), np.nan)
    for name, place in places.items():
        values[types.index(place.type), layers.index(place.layer)] = ranks[name]
    return RankTable(types, layers, values)
