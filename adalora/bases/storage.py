"""How a frozen weight is kept: as floating-point numbers, or quantised."""

from typing import Any, Protocol

from torch import Tensor, nn


class Storage(Protocol):
    """Reads and writes the weight of a base layer. Running it is the layer's own business.

    Attributes:
        rounds: whether a weight that is written comes back with an error worth telling.
    """

    rounds: bool

    def prepare(self, layer: Any) -> None:
        """Make the layer fit to be trained through."""
        ...

    def read(self, layer: Any, parameter: nn.Parameter) -> Tensor:
        """Return a weight of the layer, the present one or another, in floating point and as it lies."""
        ...

    def encode(self, layer: Any, weight: Tensor) -> nn.Parameter:
        """Return a parameter in the form of the layer's that holds ``weight``; the layer does not change."""
        ...

    def put(self, layer: Any, parameter: nn.Parameter) -> None:
        """Let the layer run with a parameter from `encode`, or with one that it had before."""
        ...

    def tensors(self, layer: Any) -> list[Tensor]:
        """Return all that the present weight takes memory for."""
        ...

    def follow(self, parameter: nn.Parameter, current: nn.Parameter) -> nn.Parameter:
        """Bring a parameter that was put aside to the device (and floating type) of the current one."""
        ...


class Floating:
    """float64, float32, bfloat16 or float16."""

    rounds = False

    def prepare(self, layer: Any) -> None:
        """Do nothing."""

    def read(self, layer: Any, parameter: nn.Parameter) -> Tensor:
        """Return the weight."""
        return parameter.detach()

    def encode(self, layer: Any, weight: Tensor) -> nn.Parameter:
        """Round to the layer's own type."""
        return nn.Parameter(weight.to(layer.weight.dtype), requires_grad=False)

    def put(self, layer: Any, parameter: nn.Parameter) -> None:
        """Exchange the parameter rather than write to it: a weight tied to it must not change."""
        layer.weight = parameter

    def tensors(self, layer: Any) -> list[Tensor]:
        """Return the weight."""
        return [layer.weight]

    def follow(self, parameter: nn.Parameter, current: nn.Parameter) -> nn.Parameter:
        """Move the numbers; the parameter stays the same one, for the sake of what is tied to it."""
        parameter.data = parameter.data.to(current)
        return parameter
