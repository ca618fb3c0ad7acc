"""Low-rank updates: what is trained beside a frozen weight."""

from collections.abc import Mapping
from types import MappingProxyType

from .lora import LoRAUpdate
from .parts import Parts, Precision
from .protocol import Update
from .start import SPECTRAL, singular_part
from .svd import SVDUpdate

UPDATES: Mapping[str, type[SVDUpdate] | type[LoRAUpdate]] = MappingProxyType(
    {"svd": SVDUpdate, "lora": LoRAUpdate}
)
"""The updates by the name that a configuration gives them."""

__all__ = ["SPECTRAL", "UPDATES", "LoRAUpdate", "Parts", "Precision", "SVDUpdate", "Update", "singular_part"]
