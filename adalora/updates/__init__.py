"""Low-rank updates: what is trained beside a frozen weight."""

from .protocol import Update
from .svd import SVDUpdate

__all__ = ["SVDUpdate", "Update"]
