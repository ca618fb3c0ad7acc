"""Layers that can be adapted, and the layer that adapts them."""

from .adapted import AdaptedLayer, Origin
from .kind import LayerKind
from .kinds import kind_of, supported
from .split import Split, is_split, split_of

__all__ = ["AdaptedLayer", "LayerKind", "Origin", "Split", "is_split", "kind_of", "split_of", "supported"]
