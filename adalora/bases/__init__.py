"""Bases: how the frozen weight beside an update is read and written."""

import sys

from torch import nn

from .storage import Floating, Storage

__all__ = ["Floating", "Storage", "storage_of"]


def storage_of(layer: nn.Module) -> Storage:
    """Return how the weight of ``layer`` is kept."""
    # The library takes seconds to import, and a layer can be of its types only where somebody has.
    if sys.modules.get("bitsandbytes.nn"):
        from .quantized import quantized_storage  # noqa: PLC0415

        found = quantized_storage(layer)
        if found is not None:
            return found
    return Floating()
