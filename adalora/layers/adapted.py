"""A frozen layer and the updates beside it."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ..bases import Storage, storage_of
from ..errors import StateError
from ..peers import together
from ..updates import Parts, Update
from .dora import row_norms, row_scales
from .exact import exactly
from .kind import LayerKind
from .origin import Origin
from .routed import Routes, routed


class AdaptedLayer(nn.Module):
    """h = W₀x + b + Σₖ wₖ ΔWₖ x: a base layer, which stays frozen, plus named low-rank updates.

    It answers for every attribute of its base layer (``weight``, ``in_features``, …), because some models
    read them.

    Args:
        base: the layer to adapt.
        kind: how updates act on this type of layer.

    Attributes:
        base: the layer to adapt.
        updates: updates by adapter name, in the order in which they came.
        active: weight wₖ of each adapter that takes part, in the same order; set by `adalora.set_adapter`.
        magnitudes: DoRA's vector m, shape (d₁,), of the adapters that have one; it rescales the rows of the
            sum of the base weight and all active updates up to its own.
        origins: what the updates that started from singular vectors have taken out of the base weight, which
            holds the residual; it is put back in the measure in which its adapter does not take part.
        routes: which adapter each example of a batch gets, within `adalora.route`; None outside.
        enabled: False lets the layer answer as it did before it was adapted, see `adalora.disabled`.
        rounding_error: while merged, ‖stored − exact‖/‖exact‖ of the weight in Frobenius norm; None before.
    """

    # transformers refuses to save a weight that two modules share, unless one of them declares it.
    _tied_weights_keys: ClassVar[Mapping[str, str]] = {"base.weight": "base.weight"}

    def __init__(self, base: nn.Module, kind: LayerKind) -> None:
        super().__init__()
        self.base = base
        self.kind = kind
        self.updates = nn.ModuleDict()
        self.magnitudes = nn.ParameterDict()
        self.origins = nn.ModuleDict()
        self.active: dict[str, float] = {}
        self.routes: Routes | None = None
        self.enabled = True
        self.rounding_error: float | None = None
        self._original: list[nn.Parameter] = []  # W₀ while merged; a list hides it from nn.Module
        self.train(base.training)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith(
                "_"
            ):  # what a library has put on the base layer, such as a hook, is the base's
                raise
            return getattr(super().__getattr__("base"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        # transformers ties weights by setting them: layer.weight = embedding.weight.
        if name in ("weight", "bias"):
            setattr(self.base, name, value)
        else:
            super().__setattr__(name, value)

    # Asked

    def named_updates(self) -> dict[str, Update]:
        """Return the updates by adapter name, active or not."""
        return {name: cast(Update, update) for name, update in self.updates.items()}

    def active_updates(self) -> dict[str, Update]:
        """Return the updates of the adapters that take part, by name."""
        return {name: cast(Update, self.updates[name]) for name in self.active}

    @property
    def update(self) -> Update:
        """The update of a layer that has one, or of which one is active.

        Raises:
            StateError: there are several, or none is active; take one of `named_updates`.
        """
        updates = self.named_updates()
        if len(updates) > 1:
            updates = self.active_updates()
        if len(updates) != 1:
            raise StateError(
                f"the layer has {len(self.updates)} updates ({', '.join(self.updates)}), of which "
                f"{len(updates)} are active; use .named_updates()[name]."
            )
        return next(iter(updates.values()))

    @property
    def rank(self) -> int:
        """Number of components alive, over all active updates."""
        return sum(update.rank for update in self.active_updates().values())

    @property
    def storage(self) -> Storage:
        """How the base weight is kept."""
        return storage_of(self.base)

    def adapter_tensors(self, name: str) -> dict[str, Tensor]:
        """Return every tensor of one adapter, by its name in a saved file."""
        tensors: dict[str, Tensor] = self.updates[name].state_dict(keep_vars=True)
        if name in self.magnitudes:
            tensors["magnitude"] = self.magnitudes[name]
        if name in self.origins:
            tensors |= {f"origin.{side}": tensor for side, tensor in self.origins[name].named_buffers()}
        return tensors

    @exactly
    def delta_weight(self) -> Tensor:
        """Return what the active adapters add to the base weight, dense, as the base weight lies.

        Without DoRA this is the weighted sum of the updates. The base weight is the one that the layer runs
        with when it is not merged.
        """
        if self.magnitudes:
            return self.kind.arrange(self.base, self.matrix()) - self.storage.read(
                self.base, self.frozen_weight
            )
        added = [weight * torch.matmul(*parts.factors()) for parts, weight in self._terms(self.active)]
        if not added:
            return torch.zeros_like(self.storage.read(self.base, self.frozen_weight))
        return self.kind.arrange(self.base, torch.stack(added).sum(0) if len(added) > 1 else added[0])

    def add_(self, name: str, update: Update) -> None:
        """Add an update under the name of an adapter; it takes part."""
        self.updates[name] = cast(nn.Module, update)
        self.active[name] = 1.0

    # A switch asks every layer, so these two go by the containers' own dictionaries.

    def activate(self, weights: Mapping[str, float]) -> None:
        """Let the adapters that are on this layer take part with their weights, in the order given."""
        there = cast(nn.Module, self._modules["updates"])._modules
        self.__dict__["active"] = {name: weight for name, weight in weights.items() if name in there}

    def adapter_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Return what each adapter trains in this layer, by its name."""
        found = {
            name: [one for one in update._parameters.values() if one is not None]
            for name, update in cast(nn.Module, self._modules["updates"])._modules.items()
            if update is not None
        }
        for name, magnitude in cast(nn.Module, self._modules["magnitudes"])._parameters.items():
            found[name].append(cast(nn.Parameter, magnitude))
        return found

    # Run

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Run the base layer and add every active update; takes what the base layer takes."""
        base, magnitudes, updates = self.base, self.magnitudes, self.updates  # nn.Module is slow at these
        if self._original:
            return cast(Tensor, base(*args, **kwargs))
        active = self.active if self.enabled else {}
        if self.routes is not None and self.enabled:
            return routed(self, self.routes, *args, **kwargs)
        out = self._put_back(active, args, kwargs)
        for name, weight in active.items():
            update = cast(Update, updates[name])
            out = self._updated(out, update, weight, args, kwargs)
            if name in magnitudes:
                out = self._rescaled(out, name)
        return cast(Tensor, base(*args, **kwargs)) if out is None else out

    def _updated(
        self, out: Tensor | None, update: Update, weight: float, args: Any, kwargs: dict[str, Any]
    ) -> Tensor:
        """Add an update to what came before it: None is the base layer, which has not run yet."""
        base, parts, inputs = self.base, update.parts(), (*args, *kwargs.values())
        if weight != 1:
            parts = parts.times(weight)
        dropout = update.dropout if self.training else 0.0
        if out is None and parts.rank > 0 and dropout == 0:
            out = self.kind.fused(base, parts, update.save_input, *inputs)
            if out is not None:
                return out
        out = cast(Tensor, base(*args, **kwargs)) if out is None else out
        if parts.rank == 0:
            return _with_nothing(out, parts)
        return self.kind.added(base, out, parts, update.save_input, dropout, *inputs)

    def _put_back(self, active: Mapping[str, float], args: Any, kwargs: dict[str, Any]) -> Tensor | None:
        """Return the base layer with what inactive adapters took out of it; None where that is nothing."""
        out: Tensor | None = None
        for origin, weight in self._taken(active):
            out = cast(Tensor, self.base(*args, **kwargs)) if out is None else out
            delta = self.kind.apply(self.base, *origin.factors(), 0.0, *args, *kwargs.values())
            out = out + (weight * delta).to(out.dtype)
        return out

    def _rescaled(self, out: Tensor, name: str) -> Tensor:
        """Return m/‖W‖ ⊙ (out − b) + b, written so that nothing changes while m = ‖W‖."""
        norms = row_norms(self.matrix(until=name))
        channels = cast(int, self.kind.channels(self.base))
        shape = (-1, *[1] * (-channels - 1))
        scales = row_scales(self.magnitudes[name], norms).view(shape)
        rescaled = scales * out
        if self.base.bias is not None:
            rescaled = rescaled + (1 - scales) * cast(Tensor, self.base.bias).view(shape)
        return rescaled.to(out.dtype)

    # Weights

    @property
    def base_weight(self) -> nn.Parameter:
        """The weight that the base layer runs with: W₀, or W₀ + ΔW while merged."""
        return cast(nn.Parameter, self.base.weight)

    @property
    def frozen_weight(self) -> nn.Parameter:
        """W₀, whether or not the layer is merged."""
        return self._original[0] if self.merged else self.base_weight

    def _terms(self, active: Mapping[str, float]) -> list[tuple[Parts, float]]:
        """Return what is added to the base weight where no adapter rescales it, and its weight."""
        updates = [(cast(Update, self.updates[name]).parts(), weight) for name, weight in active.items()]
        return [*((origin.parts(), weight) for origin, weight in self._taken(active)), *updates]

    def _taken(self, active: Mapping[str, float]) -> list[tuple[Origin, float]]:
        """Return what adapters have taken out of the base weight, and how much of it has to be put back."""
        if not self.origins:
            return []
        shares = [(cast(Origin, self.origins[name]), 1 - active.get(name, 0.0)) for name in self.origins]
        return [(origin, share) for origin, share in shares if share != 0]

    @exactly
    def matrix(self, until: str | None = None, active: Mapping[str, float] | None = None) -> Tensor:
        """Return the base weight plus the updates, d₁ × d₂, in float32 at least.

        Args:
            until: the last adapter that counts, without its own rescaling; None for all of them, rescaled.
            active: the adapters that take part, with their weights; None for those that do.
        """
        active = self.active if active is None else active
        read = self.kind.matrix(self.base, self.storage.read(self.base, self.frozen_weight))
        W = read.to(torch.promote_types(read.dtype, torch.float32))
        for origin, weight in self._taken(active):
            W = W + weight * torch.matmul(*origin.factors())
        for name, weight in active.items():
            delta = torch.matmul(*cast(Update, self.updates[name]).factors())
            W = W + (delta if weight == 1 else weight * delta)
            if name == until:
                break
            if name in self.magnitudes:
                W = row_scales(self.magnitudes[name], row_norms(W)).unsqueeze(1) * W
        return W

    @exactly
    def set_origin_(self, name: str, origin: Origin) -> None:
        """Take ``origin`` out of the base weight, in place of what the adapter has taken out so far."""
        taken = torch.matmul(*origin.factors())
        if name in self.origins:
            before = cast(Origin, self.origins[name])
            if before.equals(origin):
                return
            taken = taken - torch.matmul(*before.factors())
        weight = self.storage.read(self.base, self.base_weight) - self.kind.arrange(self.base, taken)
        self.storage.put(self.base, self.storage.encode(self.base, weight))
        self.origins[name] = origin

    # Merge

    @property
    def merged(self) -> bool:
        """Whether the base weight holds the updates."""
        return bool(self._original)

    @exactly
    def encoded(self) -> tuple[nn.Parameter, float]:
        """Return base weight plus updates, in the form of the base weight, and the sum's relative error."""
        total = self.kind.arrange(self.base, self.matrix())
        parameter = self.storage.encode(self.base, total)
        stored = self.storage.read(self.base, parameter)
        error = torch.linalg.vector_norm(stored - total) / torch.linalg.vector_norm(total)
        return parameter, error.nan_to_num().item()

    def merge_(self, parameter: nn.Parameter, rounding_error: float) -> None:
        """Let the base layer run with a parameter from `encoded`; W₀ is kept, so `unmerge_` is exact."""
        self._original.append(self.base_weight)
        self.storage.put(self.base, parameter)
        self.rounding_error = rounding_error

    def unmerge_(self) -> None:
        """Put W₀ back, the very same numbers."""
        # The model may have changed device or type while W₀ was out of its sight.
        original = self.storage.follow(self._original.pop(), self.base_weight)
        self.storage.put(self.base, original)
        self.rounding_error = None


def _with_nothing(out: Tensor, parts: Parts) -> Tensor:
    """Let an update of which nothing is left take part in what it does not change.

    `DistributedDataParallel` waits for a gradient of every parameter, of the empty ones too.
    """
    if not together() or not torch.is_grad_enabled():
        return out
    zeros = [tensor.sum() for tensor in parts.tensors if tensor is not None]
    return out + torch.stack(zeros).sum().to(out.dtype)
