"""Modules that hold several matrices: how they are taken apart, so that each matrix can be adapted alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

from torch import nn

from .attention import SplitAttention, attention_parts, is_attention
from .experts import SplitExperts, expert_parts, experts_obstacle, is_experts


@dataclass(frozen=True)
class Split:
    """One row of the table.

    Attributes:
        fits: whether a module is of this sort, and holds its matrices.
        parts: module -> its matrices as plain layers by name, over the same memory; changes nothing.
        obstacle: module -> why its matrices cannot be adapted, or None.
        wrap: (module, parts) -> the module to put in its place; takes the matrices out of the module.
    """

    fits: Callable[[nn.Module], bool]
    parts: Callable[[Any], dict[str, nn.Module]]
    obstacle: Callable[[Any], str | None]
    wrap: Callable[[Any, dict[str, nn.Module]], nn.Module]


def _nothing(_: nn.Module) -> None:
    return None


_SPLITS = (
    Split(is_attention, attention_parts, _nothing, SplitAttention),
    Split(is_experts, expert_parts, experts_obstacle, SplitExperts),
)


def split_of(module: nn.Module) -> Split | None:
    """Return how ``module`` is taken apart, or None where it is a single layer or a mere container."""
    return next((split for split in _SPLITS if split.fits(module)), None)


def is_split(module: nn.Module) -> TypeGuard[SplitAttention | SplitExperts]:
    """Tell whether a module has been taken apart."""
    return isinstance(module, SplitAttention | SplitExperts)
