"""Arithmetic on weights, which no mixed precision may round."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import nn

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=nn.Module)


def exactly(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Run a method of a module without autograd and outside `torch.autocast`."""

    @wraps(method)
    def run(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        device = next(self.parameters()).device.type
        mixed = torch.amp.is_autocast_available(device)
        with torch.no_grad(), torch.autocast(device, enabled=False) if mixed else nullcontext():
            return method(self, *args, **kwargs)

    return run
