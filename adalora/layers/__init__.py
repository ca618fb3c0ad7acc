"""Layers that can be adapted, and the layer that adapts them."""

from .adapted import AdaptedLayer
from .kind import LayerKind, largest_rank
from .kinds import kind_of, supported
from .origin import Origin
from .routed import Routes
from .split import Split, is_split, split_of
from .variants import Variants

__all__ = [
    "AdaptedLayer",
    "LayerKind",
    "Origin",
    "Routes",
    "Split",
    "Variants",
    "is_split",
    "kind_of",
    "largest_rank",
    "split_of",
    "supported",
]
