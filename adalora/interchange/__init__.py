"""Folders of the `peft` library: written and read."""

from .export import Exported, export_peft
from .load import import_peft

__all__ = ["Exported", "export_peft", "import_peft"]
