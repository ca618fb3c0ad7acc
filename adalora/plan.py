"""What one layer gets from an adapter: built before the model changes, put on after."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from .bases import storage_of
from .candidates import base_of
from .config import AdapterConfig
from .errors import TargetError
from .layers import AdaptedLayer, Origin
from .layers.dora import row_norms
from .targets import Target
from .updates import SPECTRAL, UPDATES, Update, singular_part


@dataclass(frozen=True)
class Plan:
    """An update for a layer, and whatever comes with it.

    Attributes:
        update: the update.
        origin: what leaves the base weight when the update comes; None where it starts at zero.
        dora: whether the layer gets a magnitude.
    """

    update: Update
    origin: Origin | None
    dora: bool

    @torch.no_grad()
    def put_on(self, layer: AdaptedLayer, name: str) -> None:
        """Add the update to a layer under the adapter's name."""
        layer.add_(name, self.update)
        layer.storage.prepare(layer.base)
        if self.origin is not None:
            layer.set_origin_(name, self.origin)
        if self.dora:
            layer.magnitudes[name] = nn.Parameter(row_norms(layer.matrix(until=name)))


def plan(
    target: Target, config: AdapterConfig, origin: Origin | None = None, rank: int | None = None
) -> Plan:
    """Build the update that ``config`` asks for on one layer; the layer does not change.

    Args:
        target: the layer.
        config: what it gets.
        origin: what a start from singular vectors takes out of the weight, where that is known already; the
            update then starts anywhere.
        rank: number of components; None for that of the configuration.

    Raises:
        TargetError: the weight has no singular vectors, because a number in it is NaN or infinite.
    """
    base = base_of(target.module)
    *stack, d1, d2 = target.shape
    # Half-precision and quantised weights get float32 factors: bfloat16 would round λ's small steps away.
    weight = cast(nn.Parameter, base.weight)
    dtype = torch.promote_types(weight.dtype, torch.float32)
    spectral = config.init in SPECTRAL
    update = UPDATES[config.update](
        d1,
        d2,
        config.rank if rank is None else rank,
        config.scale(d1),
        stack=stack[0] if stack else None,
        dropout=config.dropout,
        save_input=config.save_input,
        init="gaussian" if spectral else config.init,
        still=target.kind.still(base),
        device=weight.device,
        dtype=dtype,
    )
    if spectral and origin is None:
        update.represent_(*_singular_part(target, config))
        origin = Origin(*_copies(update))
    return Plan(update, origin, config.dora)


def _singular_part(target: Target, config: AdapterConfig) -> tuple[Tensor, Tensor, Tensor]:
    base = base_of(target.module)
    W = target.kind.matrix(base, storage_of(base).read(base, cast(nn.Parameter, base.weight)))
    if not W.is_meta and not bool(torch.isfinite(W).all()):
        raise TargetError(
            f"init is {config.init!r}, and the weight of {target.names[0]!r} has a NaN or an infinite value; "
            f"mend the model, or choose a random start."
        )
    return singular_part(W, config.rank, config.init, target.kind.still(base))


def _copies(update: Update) -> list[Tensor]:
    return [factor.detach().clone() for factor in update.factors()]
