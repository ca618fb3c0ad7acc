"""An adapted layer in a batch whose examples have different adapters: one base product for all of them.

The factors of all adapters are laid side by side, ΔW x = [P₁ … Pₙ] (g ⊙ [s₁Λ₁Q₁; …; sₙΛₙQₙ] x), and g is 1
for the components of the adapter that an example has and 0 for the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor

from ..errors import StateError
from ..updates import Parts, Update
from .dora import row_norms, row_scales

if TYPE_CHECKING:
    from .adapted import AdaptedLayer

_Layout = tuple[tuple[str, int, bool], ...]


@dataclass(frozen=True)
class Routes:
    """Which adapter each example of a batch has.

    Attributes:
        names: of the adapters, by example; None for the base model alone.
        lengths: tokens of an example, as the model's inputs have had them: so many rows of an example may lie
            behind each other where a model flattens its tokens.
    """

    names: tuple[str | None, ...]
    lengths: set[int] = field(default_factory=set)
    _gates: dict[tuple[_Layout, torch.device, torch.dtype], Tensor] = field(default_factory=dict, repr=False)

    def gates(self, terms: "list[Term]") -> Tensor:
        """Return g, examples × components of all terms; layers of the same ranks share one."""
        like = terms[0].parts.right
        layout = tuple((term.name, term.parts.rank, term.others) for term in terms)
        key = (layout, like.device, like.dtype)
        if key not in self._gates:
            rows = [
                [float((one == name) != others) for name, rank, others in layout for _ in range(rank)]
                for one in self.names
            ]
            self._gates[key] = torch.tensor(rows, dtype=like.dtype, device=like.device)
        return self._gates[key]

    def spread(self, table: Tensor, x: Tensor) -> Tensor:
        """Return each row of a table, examples × k, as often as its example has rows in x.

        Raises:
            StateError: the first dimension of x is not one of examples, nor of all their tokens.
        """
        count, rows = len(self.names), len(x) if x.dim() > 1 else 0
        if rows == count:
            return table
        if x.dim() == 2 and rows in {count * length for length in self.lengths}:
            return table.repeat_interleave(rows // count, dim=0)
        raise StateError(
            f"route has {count} examples, and an adapted layer has an input of shape {tuple(x.shape)}; "
            f"allowed: the examples along the first dimension, or all their tokens."
        )


class Term(NamedTuple):
    """A product that some examples get.

    Attributes:
        name: of the adapter.
        parts: the product.
        dropout: on its input.
        others: True where the examples of all other adapters get it: what this one has taken out of W₀.
    """

    name: str
    parts: Parts
    dropout: float
    others: bool


def routed(layer: "AdaptedLayer", routes: Routes, *args: Any, **kwargs: Any) -> Tensor:
    """Run the base layer once, and add to each example the update of its own adapter.

    Raises:
        StateError: the input's first dimension is not one of examples.
    """
    base, inputs = layer.base, (*args, *kwargs.values())
    out = cast(Tensor, base(*args, **kwargs))
    for dropout, group in groupby(_terms(layer, routes), key=lambda term: term.dropout):
        terms = list(group)
        factors = [term.parts.factors() for term in terms]
        left = torch.cat([one for one, _ in factors], dim=-1)
        right = torch.cat([other for _, other in factors], dim=-2)
        gates = layer.kind.spread(base, partial(routes.spread, routes.gates(terms)), *inputs)
        out = out + layer.kind.apply(base, left, right, dropout, *inputs, gates=gates).to(out.dtype)
    return _rescaled(layer, routes, out, inputs)


def _terms(layer: "AdaptedLayer", routes: Routes) -> Iterator[Term]:
    there = set(routes.names)
    for name, origin in layer.origins.items():
        if there - {name}:
            yield Term(name, cast(Any, origin).parts(), 0.0, others=True)
    updates = {name: cast(Update, update) for name, update in layer.updates.items() if name in there}
    found = [
        Term(name, update.parts(), update.dropout if layer.training else 0.0, others=False)
        for name, update in updates.items()
    ]
    yield from sorted((term for term in found if term.parts.rank > 0), key=lambda term: term.dropout)


def _rescaled(layer: "AdaptedLayer", routes: Routes, out: Tensor, inputs: tuple[Any, ...]) -> Tensor:
    """Return m/‖W‖ ⊙ (out − b) + b for the examples whose adapter has DoRA's magnitude m."""
    names = [name for name in layer.magnitudes if name in routes.names]
    if not names:
        return out
    scales: dict[str | None, Tensor] = {
        name: row_scales(layer.magnitudes[name], row_norms(layer.matrix(until=name, active={name: 1.0})))
        for name in names
    }
    ones = torch.ones_like(scales[names[0]])
    by_example = torch.stack([scales.get(name, ones) for name in routes.names])
    table = layer.kind.spread(layer.base, partial(routes.spread, by_example), *inputs)
    behind = -cast(int, layer.kind.channels(layer.base)) - 1
    table = table.view(len(table), *[1] * (out.dim() - 2 - behind), -1, *[1] * behind)
    rescaled = table * out
    if layer.base.bias is not None:
        bias = cast(Tensor, layer.base.bias).view(-1, *[1] * behind)
        rescaled = rescaled + (1 - table) * bias
    return rescaled.to(out.dtype)
