"""A frozen layer and the updates beside it."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import StateError
from ..updates import Update
from .kinds import LayerKind


class AdaptedLayer(nn.Module):
    """h = W₀x + b + Σₖ ΔWₖ x: a base layer, which stays frozen, plus named low-rank updates.

    It answers for every attribute of its base layer (``weight``, ``in_features``, …), because some models
    read them.

    Args:
        base: the layer to adapt.
        kind: how updates act on this type of layer.

    Attributes:
        base: the layer to adapt.
        updates: updates by adapter name; all of them are added up.
        enabled: False leaves the base layer alone, see `adalora.disabled`.
    """

    def __init__(self, base: nn.Module, kind: LayerKind) -> None:
        super().__init__()
        self.base = base
        self.kind = kind
        self.updates = nn.ModuleDict()
        self.enabled = True
        self._original: list[nn.Parameter] = []  # W₀ while merged; a list hides it from nn.Module
        self.train(base.training)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("base"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        # transformers ties weights by setting them: layer.weight = embedding.weight.
        if name in ("weight", "bias"):
            setattr(self.base, name, value)
        else:
            super().__setattr__(name, value)

    def named_updates(self) -> dict[str, Update]:
        """Return the updates by adapter name."""
        return {name: cast(Update, update) for name, update in self.updates.items()}

    @property
    def update(self) -> Update:
        """The update of a layer that has one.

        Raises:
            StateError: the layer has several; take one of `named_updates`.
        """
        updates = self.named_updates()
        if len(updates) != 1:
            raise StateError(
                f"the layer has {len(updates)} updates ({', '.join(updates)}); use .named_updates()[name]."
            )
        return next(iter(updates.values()))

    @property
    def rank(self) -> int:
        """Number of components alive, over all updates."""
        return sum(update.rank for update in self.named_updates().values())

    @torch.no_grad()
    def delta_weight(self) -> Tensor:
        """Return the sum of the updates as a dense matrix that lies as the base weight does."""
        deltas = [self.kind.arrange(torch.mm(*u.factors())) for u in self.named_updates().values()]
        return torch.stack(deltas).sum(0) if len(deltas) > 1 else deltas[0]

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that nn.Linear gives it
        """Run the base layer and add every update."""
        out: Tensor = self.base(input)
        if not self.enabled or self.merged:
            return out
        for update in self.named_updates().values():
            left, right = update.factors()
            inputs = F.dropout(input.to(left.dtype), update.dropout, self.training)
            out = out + self.kind.apply(inputs, left, right).to(out.dtype)
        return out

    @property
    def base_weight(self) -> nn.Parameter:
        """The weight that the base layer runs with: W₀, or W₀ + ΔW while merged."""
        return cast(nn.Parameter, self.base.weight)

    @property
    def merged(self) -> bool:
        """Whether the base weight holds the updates."""
        return bool(self._original)

    @torch.no_grad()
    def total_weight(self) -> Tensor:
        """Return W₀ + ΔW in the type of the base weight."""
        return (self.base_weight + self.delta_weight()).to(self.base_weight.dtype)

    def merge_(self, total: Tensor) -> None:
        """Let the base layer run with ``total`` (from `total_weight`); W₀ is kept, so `unmerge_` is exact.

        The parameter is exchanged rather than written, so that a weight tied to it does not change.
        """
        self._original.append(self.base_weight)
        self.base.weight = nn.Parameter(total, requires_grad=False)

    def unmerge_(self) -> None:
        """Put W₀ back, the very same parameter."""
        original = self._original.pop()
        # The model may have changed device or type while W₀ was out of its sight.
        original.data = original.data.to(self.base_weight)
        self.base.weight = original
