"""Adapters in the older sense: small bottlenecks between the frozen layers, which the text runs through.

Each adds W_up·GELU(W_down·x + b_down) + b_up to what comes by, and W_up and b_up start at zero: at the
start the model is what it was. Where they stand is the design:

- ``h``, Houlsby et al. 2019: behind self-attention and behind the MLP, on the sublayer's projection and so
  before dropout, residual and norm. A decoder's cross-attention has none.
- ``l``, Lin et al. 2020: one a layer, on the layer's output, and x goes through a norm of its own first.
- ``p``, Pfeiffer et al. 2021: one a layer. It reads what the norm behind the MLP gives, and adds to what
  that norm gets, so the norm is run twice: LN(s + f(LN(s))), s the sum of MLP and residual. Where norms
  stand in front of the sublayers it reads s and adds to s.
- ``d``, Rücklé et al. 2020: ``p`` without the lowest layers; of an encoder with a decoder, in either.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from adalora.errors import ConfigError

from ..config import BottleneckConfig
from .families import Family, family_of
from .modules import Modules, Put
from .stacks import stacks

NAME = "bottleneck"
_USUAL = 5  # layers that AdapterDrop leaves out
_START = 0.01  # standard deviation of W_down


class Bottleneck(nn.Module):
    """f(x) = W_up·GELU(W_down·N(x) + b_down) + b_up, N a norm or nothing.

    Args:
        features: d, of x.
        width: r, between the two.
        norm: whether x is normed, with scale and shift that are trained.
        like: a weight of the same device and type.
    """

    def __init__(self, features: int, width: int, *, norm: bool, like: Tensor) -> None:
        super().__init__()
        place: Any = {"device": like.device, "dtype": like.dtype}
        self.norm = nn.LayerNorm(features, **place) if norm else nn.Identity()
        self.down = nn.Linear(features, width, **place)
        self.up = nn.Linear(width, features, **place)
        nn.init.normal_(self.down.weight, std=_START)
        for start in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(start)

    def forward(self, x: Tensor) -> Tensor:
        """Return what is added, shape (…, d)."""
        added: Tensor = self.up(F.gelu(self.down(self.norm(x))))
        return added


def bottlenecks(design: str) -> Modules:
    """Return one of the designs ``h``, ``l``, ``p`` and ``d``."""
    return Modules(
        f"adapter-{design}", "bottleneck", Bottleneck, partial(_put_on, _DESIGNS[design]), _settings
    )


def _add(module: nn.Module, _: Any, output: Any) -> Any:
    """Add to what a module gives; some layers give their attention too."""
    bottleneck = module.get_submodule(NAME)
    if isinstance(output, tuple):
        return (output[0] + bottleneck(output[0]), *output[1:])
    return output + bottleneck(output)


def _add_before(norm: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
    """Add to what a norm gets, and run it again without its hooks, of which this is one."""
    again: Tensor = norm.forward(args[0] + norm.get_submodule(NAME)(output))
    return again


_Place = tuple[nn.Module, Callable[..., Any]]


def _behind_sublayers(layer: nn.Module, family: Family) -> list[_Place]:
    return [(layer.get_submodule(name), _add) for name in (family.attention, family.mlp)]


def _behind_layer(layer: nn.Module, _: Family) -> list[_Place]:
    return [(layer, _add)]


def _around_norm(layer: nn.Module, family: Family) -> list[_Place]:
    return [(layer, _add)] if family.norm is None else [(layer.get_submodule(family.norm), _add_before)]


_Places = Callable[[nn.Module, Family], list[_Place]]
# where, whether with a norm, whether the lowest layers go without
_DESIGNS: dict[str, tuple[_Places, bool, bool]] = {
    "h": (_behind_sublayers, False, False),
    "l": (_behind_layer, True, False),
    "p": (_around_norm, False, False),
    "d": (_around_norm, False, True),
}


def _put_on(design: tuple[_Places, bool, bool], model: nn.Module, settings: BottleneckConfig) -> Put:
    """Put a bottleneck in every place of a design.

    Raises:
        ConfigError: the model's family is not known, or no layer would have one.
    """
    places, norm, drops = design
    family = family_of(model)
    found = stacks(model)
    chosen = [layer for stack in found for layer in stack[_dropped(len(stack), settings) if drops else 0 :]]
    put = Put()
    for layer in chosen:
        like = _weight(layer)
        for module, hook in places(layer, family):
            bottleneck = Bottleneck(_features(model), settings.width, norm=norm, like=like)
            put.attach(module, NAME, bottleneck)
            put.hook(module.register_forward_hook(hook))
    return put


def _dropped(layers: int, settings: BottleneckConfig) -> int:
    dropped = min(_USUAL, layers // 2) if settings.dropped is None else settings.dropped
    if dropped >= layers:
        raise ConfigError(
            f"bottleneck.dropped is {dropped}, but a stack of the model has {layers} layers; allowed: fewer, "
            f"so that one is left with a module."
        )
    return dropped


def _features(model: Any) -> int:
    return int(model.config.hidden_size)


def _weight(layer: nn.Module) -> Tensor:
    return next(p for p in layer.parameters() if p.is_floating_point())


def _settings(model: nn.Module) -> BottleneckConfig:
    """Read the settings off a model that has them on."""
    holding = [[_first(layer) for layer in stack] for stack in stacks(model)]
    widths = [one.down.out_features for stack in holding for one in stack if one is not None]
    without = {sum(one is None for one in stack) for stack in holding}
    # A number that was asked for is that of every stack; the usual one depends on how deep it is.
    return BottleneckConfig(widths[0], without.pop() if len(without) == 1 else None)


def _first(layer: nn.Module) -> Bottleneck | None:
    return next((module for module in layer.modules() if isinstance(module, Bottleneck)), None)
