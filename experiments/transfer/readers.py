"""Models that a folder of the `peft` library is read back onto, by that library where it is installed."""

import warnings
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

import adalora


def by_peft(make: Callable[[], nn.Module], folder: Path) -> tuple[Any, str]:
    """Return a base model with an adapter that the `peft` library has read, and in words what has.

    The model is None, and the words say why, where the library is not there or cannot read it.

    Args:
        make: returns the base model.
        folder: of the adapter.
    """
    if find_spec("peft") is None:
        return None, "the peft library is not installed"
    from peft import PeftModel  # noqa: PLC0415 - optional, and seconds to import

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what it asks of transformers
            model = PeftModel.from_pretrained(make(), str(folder)).eval()
    except Exception as error:  # whatever it does not support: the folder is whole, and ours to read
        return None, f"the peft library {version('peft')} could not: {type(error).__name__}: {error}"
    return model, f"the peft library {version('peft')}"


def read_back(make: Callable[[], nn.Module], folder: Path) -> tuple[Any, str]:
    """Return a base model with the adapter of a folder, and in words what has read it: `peft`, if it can."""
    model, words = by_peft(make, folder)
    if model is not None:
        return model, words
    return adalora.import_peft(make(), folder).eval(), f"adalora.import_peft ({words})"
