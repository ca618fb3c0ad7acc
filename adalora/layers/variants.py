"""A module that adapters train in full, of which each has a copy of its own."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from .kind import spread_rows
from .routed import Routes


class Variants(nn.Module):
    """One module, and a copy of it for every adapter that trains it and did not find it unadapted.

    The first adapter on a model trains its modules where they are; a later one must not change them, and gets
    copies. It answers for the attributes of the copy that is chosen.

    Args:
        base: the module, which every adapter without a copy uses.

    Attributes:
        base: the module.
        copies: the copies by adapter name.
        chosen: name of the adapter whose copy runs; None for the base.
        routes: which adapter each example of a batch gets, within `adalora.route`; None outside.
    """

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base
        self.copies = nn.ModuleDict()
        self.chosen: str | None = None
        self.routes: Routes | None = None
        self.train(base.training)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_") or "chosen" not in self.__dict__:
                raise
            return getattr(self.of(self.chosen), name)

    def of(self, adapter: str | None) -> nn.Module:
        """Return what an adapter uses."""
        copies = cast(nn.ModuleDict, super().__getattr__("copies"))
        own = copies[adapter] if adapter is not None and adapter in copies else super().__getattr__("base")
        return cast(nn.Module, own)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the chosen copy, or within `adalora.route` each example's own."""
        if self.routes is None:
            return self.of(self.chosen)(*args, **kwargs)
        modules = [self.of(name) for name in self.routes.names]
        distinct = list({id(module): module for module in modules}.values())
        if len(distinct) == 1:
            return distinct[0](*args, **kwargs)
        x = next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        mine = torch.tensor([distinct.index(module) for module in modules], device=x.device)
        mine = spread_rows(mine.unsqueeze(1), x).squeeze(1)
        rows = [torch.nonzero(mine == number).squeeze(1) for number in range(len(distinct))]
        out = [
            module(*_rows_of(args, index, len(x)), **_rows_of(kwargs, index, len(x)))
            for module, index in zip(distinct, rows, strict=True)
        ]
        return torch.cat(out)[torch.argsort(torch.cat(rows))]


def _rows_of(inputs: Any, index: Tensor, count: int) -> Any:
    """Return those rows of every tensor that has as many as there are."""

    def take(value: Any) -> Any:
        whole = isinstance(value, Tensor) and value.dim() > 0 and len(value) == count
        return value[index] if whole else value

    return pytree.tree_map(take, inputs)
