"""Layers that can be adapted, and the layer that adapts them."""

from .adapted import AdaptedLayer
from .kinds import KINDS, LayerKind, kind_of

__all__ = ["KINDS", "AdaptedLayer", "LayerKind", "kind_of"]
