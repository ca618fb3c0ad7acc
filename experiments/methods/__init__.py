"""Methods: what is done to a pretrained model before it trains, and what is kept afterwards."""

from .adapters import controller_of
from .method import Method
from .registry import METHODS, get

__all__ = ["METHODS", "Method", "controller_of", "get"]
