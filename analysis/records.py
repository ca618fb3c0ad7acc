"""What is known of one adapted matrix, whoever has trained it and wherever it lies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from adalora import CheckpointError
from adalora.locate import locate

from .arrays import Array, Mask
from .product import SVD, svd_of_product


@dataclass(frozen=True)
class Factors:
    """ΔW = s · left · diag(lam) · right + shift, in float64.

    Attributes:
        left: B or P, d₁ × r.
        lam: λ, shape (r,); None for ones.
        right: A or Q, r × d₂.
        alive: False for a triplet that is pruned, shape (r,).
        shift: what was taken out of W₀ when the update started from it, as factors of its own; it belongs to
            ΔW, since the update is told against the weight as it was pretrained.
        eps: relative rounding error of the type that the numbers came in.
    """

    left: Array
    lam: Array | None
    right: Array
    alive: Mask
    shift: tuple[Array, Array] | None = None
    eps: float = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class BaseWeight:
    """Where the pretrained weight of a matrix is.

    Attributes:
        read: returns W₀ as a matrix, d₁ × d₂; None where it cannot be found.
        missing: why not, as a sentence; empty where it can.
    """

    read: Callable[[], Array] | None = field(default=None, repr=False)
    missing: str = ""


@dataclass(frozen=True)
class AdapterRecord:
    """One adapted matrix. Its numbers are read when they are asked for, and not kept.

    Attributes:
        module: dotted name of the module; a matrix of a stack has its number behind it.
        update: ``"svd"`` or ``"lora"``.
        shape: (d₁, d₂).
        rank: components alive.
        scale: s.
        read: returns the factors.
        base: W₀, or why it is missing.
        dora: whether a magnitude vector rescales the rows on top; the numbers here are those of the product.
        layer: index of its layer; None outside the layers.
        type: what the matrix is, the same word in every layer.
    """

    module: str
    update: str
    shape: tuple[int, int]
    rank: int
    scale: float
    read: Callable[[], Factors] = field(repr=False)
    base: BaseWeight = field(repr=False)
    dora: bool = False
    layer: int | None = None
    type: str = ""

    def factors(self) -> Factors:
        """Return the factors.

        Raises:
            CheckpointError: they cannot be read, or hold a NaN or infinite value.
        """
        found = self.read()
        for name, values in (("left", found.left), ("lam", found.lam), ("right", found.right)):
            if values is not None and not np.isfinite(values).all():
                raise CheckpointError(
                    f"{self.module}: factor {name} has a NaN or an infinite value; take a healthy run "
                    f"instead."
                )
        return found

    def svd(self) -> SVD:
        """Return the SVD of ΔW, from its factors; see `factors` for what it raises."""
        return delta_svd(self.factors(), self.scale)

    def weight(self) -> Array:
        """Return W₀ as a matrix, d₁ × d₂.

        Raises:
            CheckpointError: it cannot be found; the message says why.
        """
        if self.base.read is None:
            raise CheckpointError(f"{self.module}: its pretrained weight is missing: {self.base.missing}.")
        return self.base.read()


def placed(records: Sequence[AdapterRecord]) -> list[AdapterRecord]:
    """Return the records of one model with layer and type, which take all names to tell."""
    places = locate([record.module for record in records])
    return [replace(one, layer=places[one.module].layer, type=places[one.module].type) for one in records]


def delta_svd(factors: Factors, scale: float) -> SVD:
    """Return the SVD of s · left · diag(lam) · right + shift; pruned triplets count as zero."""
    weights = scale * factors.alive * (1.0 if factors.lam is None else factors.lam)
    left, right = factors.left * weights, factors.right
    if factors.shift is not None:
        left = np.concatenate([left, factors.shift[0]], axis=1)
        right = np.concatenate([right, factors.shift[1]], axis=0)
    found = svd_of_product(left, right)
    keep = found.sigma > max(len(left), right.shape[1]) * factors.eps * found.sigma[:1].sum()
    return SVD(found.U[:, keep], found.sigma[keep], found.V[:, keep])
