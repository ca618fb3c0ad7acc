"""What has to be known of a type of layer before it can be adapted."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from ..updates import Parts, Precision


class LayerKind(Protocol):
    """How a product left @ right acts on a layer's input, and how the layer's weight is read as a matrix.

    Kinds hold no state: ``base`` is always the plain layer.

    Attributes:
        linear: whether ``target_modules="all-linear"`` means this kind.
    """

    linear: bool

    def shape(self, base: Any) -> tuple[int, ...]:
        """Return (d₁, d₂), the sizes of the layer's output and input, behind the size of a stack, if any."""
        ...

    def matrix(self, base: Any, weight: Tensor) -> Tensor:
        """Return a tensor that lies as the base weight does as a matrix, or stack of matrices, d₁ × d₂."""
        ...

    def arrange(self, base: Any, matrix: Tensor) -> Tensor:
        """Return a matrix d₁ × d₂ as the base weight lies: the inverse of `matrix`."""
        ...

    def apply(
        self,
        base: Any,
        left: Tensor,
        right: Tensor,
        dropout: float,
        *inputs: Any,
        gates: Tensor | None = None,
    ) -> Tensor:
        """Return left @ right applied to the layer's own inputs, which are dropped with that probability.

        ``gates``, from `spread`, multiplies what is between the two: rows × r.
        """
        ...

    def spread(self, base: Any, spread: Callable[[Tensor], Tensor], *inputs: Any) -> Tensor:
        """Return what ``spread`` makes of a tensor whose rows are those of the layer's input, or its tokens.

        ``spread`` turns a table with a row for each example into one with a row for each of these, and raises
        a `StateError` where they are not those of the examples.
        """
        ...

    def fused(self, base: Any, parts: Parts, precision: Precision, *inputs: Any) -> Tensor | None:
        """Return base layer and update in one operation; None where they have to run one after the other."""
        ...

    def added(
        self, base: Any, out: Tensor, parts: Parts, precision: Precision, dropout: float, *inputs: Any
    ) -> Tensor:
        """Return ``out`` plus an update applied to the layer's own inputs, in the type of ``out``."""
        ...

    def channels(self, base: Any) -> int | None:
        """Return the output's dimension of the d₁ channels, from its end; None where DoRA has no meaning."""
        ...

    def still(self, base: Any) -> int | None:
        """Return the input (column of ΔW) whose output never changes, such as an embedding's padding."""
        ...

    def obstacle(self, base: Any) -> str | None:
        """Say why this very layer cannot be adapted, or return None."""
        ...


class PlainKind(ABC):
    """What holds for most kinds."""

    linear = True

    def matrix(self, base: Any, weight: Tensor) -> Tensor:
        """Return the weight as it is."""
        return weight

    def arrange(self, base: Any, matrix: Tensor) -> Tensor:
        """Return the matrix as it is."""
        return matrix

    def fused(self, base: Any, parts: Parts, precision: Precision, *inputs: Any) -> Tensor | None:
        """Return None: the two run one after the other."""
        return None

    @abstractmethod
    def apply(
        self,
        base: Any,
        left: Tensor,
        right: Tensor,
        dropout: float,
        *inputs: Any,
        gates: Tensor | None = None,
    ) -> Tensor:
        """Return left @ right applied to the layer's own inputs: each kind has its own way."""

    def spread(self, base: Any, spread: Callable[[Tensor], Tensor], *inputs: Any) -> Tensor:
        """Take the rows of the input."""
        return spread(inputs[0])

    def added(
        self, base: Any, out: Tensor, parts: Parts, precision: Precision, dropout: float, *inputs: Any
    ) -> Tensor:
        """Apply the update, and add."""
        return out + self.apply(base, *parts.factors(), dropout, *inputs).to(out.dtype)

    def channels(self, base: Any) -> int | None:
        """Return the last dimension."""
        return -1

    def still(self, base: Any) -> int | None:
        """Return None: every input counts."""
        return None

    def obstacle(self, base: Any) -> str | None:
        """Return None: nothing stands in the way."""
        return None


def largest_rank(kind: LayerKind, base: Any) -> int:
    """Return how many components an update of a layer can have that do not depend on each other."""
    *_, d1, d2 = kind.shape(base)
    return min(d1, d2 if kind.still(base) is None else d2 - 1)


def gated(hidden: Tensor, gates: Tensor | None) -> Tensor:
    """Return rows × … × r times rows × r, or what is given where there are no gates."""
    if gates is None:
        return hidden
    return hidden * gates.view(len(gates), *[1] * (hidden.dim() - 2), -1)


def untouched(base: Any) -> bool:
    """Tell whether a layer's weights are frozen and nothing but its own ``forward`` acts on them."""
    hooks = (base._forward_hooks, base._forward_pre_hooks, base._backward_hooks, base._backward_pre_hooks)
    trains = any(p is not None and p.requires_grad for p in base._parameters.values())
    return not (trains or any(hooks) or "forward" in base.__dict__)
