"""A module that adapters train in full, of which each has a copy of its own."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ..errors import StateError
from .routed import Routes


class Variants(nn.Module):
    """One module as it was found, and a copy of it for every adapter that trains it in full.

    It answers for the attributes of the copy that is chosen.

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
        mine = self.routes.spread(mine.unsqueeze(1), x if x.dim() > 1 else x.unsqueeze(1)).squeeze(1)
        rows = [torch.nonzero(mine == number).squeeze(1) for number in range(len(distinct))]
        out = [
            module(*_rows_of(args, index, len(x)), **_rows_of(kwargs, index, len(x)))
            for module, index in zip(distinct, rows, strict=True)
        ]
        return _joined(out, rows)


def _joined(out: list[Any], rows: list[Tensor]) -> Any:
    """Put the rows of several outputs in the order of the batch."""
    order = torch.argsort(torch.cat(rows))
    leaves, build = zip(*(pytree.tree_flatten(one) for one in out), strict=True)
    for one, index in zip(leaves, rows, strict=True):
        if not all(isinstance(leaf, Tensor) and leaf.dim() > 0 and len(leaf) == len(index) for leaf in one):
            raise StateError(
                "a module that adapters train in full returns something else than tensors with a row for "
                "each of its inputs, which route cannot put together; allowed: such tensors, and tuples of "
                "them."
            )
    return pytree.tree_unflatten([torch.cat(parts)[order] for parts in zip(*leaves, strict=True)], build[0])


def _rows_of(inputs: Any, index: Tensor, count: int) -> Any:
    """Return those rows of every tensor that has as many as there are."""

    def take(value: Any) -> Any:
        whole = isinstance(value, Tensor) and value.dim() > 0 and len(value) == count
        return value[index] if whole else value

    return pytree.tree_map(take, inputs)
