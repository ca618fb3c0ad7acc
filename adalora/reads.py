"""What a model's own code reads past its layers: some forwards look at a weight's type, or at a setting.

A layer that is exchanged under such code would be run with another type, or a setting that is changed would
change the result. So the compiled code of ``forward`` is asked which attributes it names.
"""

import dis
import inspect
from collections.abc import Iterator
from typing import Any

from torch import nn


def reads_setting(model: nn.Module, name: str) -> str | None:
    """Name the class of a module whose forward reads a setting called ``name``, or return None."""
    for module in model.modules():
        code = _forward_code(module)
        if code is not None and name in code.co_names:
            return type(module).__name__
    return None


def layers_read_for_their_type(model: nn.Module) -> set[int]:
    """Return the identities of layers whose ``weight.dtype`` some module's forward reads, as T5's does."""
    found = set()
    for module in model.modules():
        for path in _paths_to_types(module):
            layer: Any = module
            for name in path:
                layer = getattr(layer, name, None)
            if isinstance(layer, nn.Module):
                found.add(id(layer))
    return found


def _paths_to_types(module: nn.Module) -> Iterator[list[str]]:
    """Yield a.b for every ``self.a.b.weight.dtype`` in a module's forward."""
    code = _forward_code(module)
    path: list[str] = []
    for instruction in dis.get_instructions(code) if code is not None else ():
        if instruction.opname == "LOAD_ATTR":
            path.append(str(instruction.argval))
            if path[-2:] == ["weight", "dtype"] and len(path) > 2:
                yield path[:-2]
        else:
            path = []


def _forward_code(module: nn.Module) -> Any:
    return getattr(inspect.unwrap(type(module).forward), "__code__", None)
