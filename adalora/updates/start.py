"""Starting values of P and Q."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor, nn

REFERENCE_STD = 0.02


def gaussian_(P: Tensor, Q: Tensor) -> None:
    """Fill P and Q from N(0, 0.02²), as the authors' code does."""
    nn.init.normal_(P, std=REFERENCE_STD)
    nn.init.normal_(Q, std=REFERENCE_STD)


def orthogonal_(P: Tensor, Q: Tensor) -> None:
    """Fill P with orthonormal columns and Q with orthonormal rows, so that the penalty starts at zero."""
    nn.init.orthogonal_(P)
    nn.init.orthogonal_(Q)


STARTS: Mapping[str, Callable[[Tensor, Tensor], None]] = MappingProxyType(
    {"gaussian": gaussian_, "orthogonal": orthogonal_}
)
