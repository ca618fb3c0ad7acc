"""The factors of many updates as few large tensors: what is done to each matrix is done once a size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .updates import SVDUpdate


@dataclass(frozen=True)
class _Group:
    """Updates of matrices of one size, type and device; their ranks may differ.

    Attributes:
        positions: where the updates stand in the whole list.
        P: shape of a P of the largest rank.
        Q: shape of a Q of the largest rank.
        dtype: float32 at least.
        device: where the factors live.
    """

    positions: tuple[int, ...]
    P: tuple[int, ...]
    Q: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


class Layout:
    """How the factors of updates lie in stacks: three for each size of matrix, P, λ and Q in turn.

    A stack has its updates in front: n × d₁ × r, n × r and n × r × d₂, where r is the largest rank of the n;
    smaller ones are followed by zeros. An update of a stack of matrices has one dimension more in each.

    Args:
        updates: the updates, in module order.

    Attributes:
        ranks: of each update.
        groups: the sizes of matrix.
        order: where in the flat λ stacks each triplet stands; None where the order is the same.
    """

    def __init__(self, updates: Sequence[SVDUpdate]) -> None:
        self.ranks = [update.lam.shape[-1] for update in updates]
        found: dict[object, list[int]] = {}
        for position, update in enumerate(updates):
            key = (update.P.shape[:-1], update.Q.shape[-1], update.P.dtype, update.P.device)
            found.setdefault(key, []).append(position)
        self.groups = [_group(updates, positions) for positions in found.values()]
        self.order = self._module_order()

    @property
    def key(self) -> object:
        """What two layouts have in common when tensors of one fit into the other."""
        return self.groups, self.ranks

    def zeros(self) -> list[Tensor]:
        """Return new stacks of zeros."""
        tensors = []
        for group in self.groups:
            for shape in (group.P, (*group.P[:-2], group.P[-1]), group.Q):
                size = (len(group.positions), *shape)
                tensors.append(torch.zeros(size, dtype=group.dtype, device=group.device))
        return tensors

    def views(self, stacks: Sequence[Tensor]) -> list[Tensor]:
        """Return the parts of P, λ and Q stacks that belong to each update: three each, in module order."""
        found: dict[int, tuple[Tensor, ...]] = {}
        for group, P, lam, Q in zip(self.groups, stacks[0::3], stacks[1::3], stacks[2::3], strict=True):
            for place, position in enumerate(group.positions):
                r = self.ranks[position]
                found[position] = (P[place][..., :r], lam[place][..., :r], Q[place][..., :r, :])
        return [view for position in range(len(found)) for view in found[position]]

    def fill(self, stacks: Sequence[Tensor], views: Sequence[Tensor], tensors: Sequence[Tensor]) -> None:
        """Copy a tensor for each P, λ and Q, three an update, into the stacks.

        Args:
            stacks: from `zeros`.
            views: of these stacks, from `views`.
            tensors: what is copied.
        """
        ragged: list[int] = []
        for number, group in enumerate(self.groups):
            if len({self.ranks[position] for position in group.positions}) > 1:
                ragged += [3 * position + factor for position in group.positions for factor in range(3)]
                continue
            for factor in range(3):  # one copy of them all is cheaper than a copy of each
                members = [tensors[3 * position + factor] for position in group.positions]
                torch.stack(members, out=stacks[3 * number + factor])
        if ragged:
            torch._foreach_copy_([views[at] for at in ragged], [tensors[at] for at in ragged])

    def rows(self, stacks: Sequence[Tensor]) -> list[Tensor]:
        """Return the parts of λ stacks, one a group, that belong to each update, in module order."""
        found = {}
        for group, lam in zip(self.groups, stacks, strict=True):
            for place, position in enumerate(group.positions):
                found[position] = lam[place][..., : self.ranks[position]]
        return [found[position] for position in range(len(found))]

    def triplets(self, stacks: Sequence[Tensor]) -> Tensor:
        """Return the numbers in λ stacks, one a group, of all triplets in module order, on one device."""
        device = stacks[0].device
        flat = torch.cat([stack.flatten().to(device) for stack in stacks])
        return flat if self.order is None else flat[self.order]

    def _module_order(self) -> Tensor | None:
        """Return where in the flat λ stacks each triplet stands; None where the order is the same."""
        shapes = [(len(group.positions), *group.P[:-2], group.P[-1]) for group in self.groups]
        places = torch.arange(sum(math.prod(shape) for shape in shapes))
        parts = torch.split(places, [math.prod(shape) for shape in shapes])
        stacks = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
        order = torch.cat([row.flatten() for row in self.rows(stacks)])
        return None if torch.equal(order, places) else order.to(self.groups[0].device)


def _group(updates: Sequence[SVDUpdate], positions: list[int]) -> _Group:
    first = updates[positions[0]]
    r = max(updates[position].lam.shape[-1] for position in positions)
    return _Group(
        tuple(positions),
        (*first.P.shape[:-1], r),
        (*first.Q.shape[:-2], r, first.Q.shape[-1]),
        torch.promote_types(first.P.dtype, torch.float32),
        first.P.device,
    )
