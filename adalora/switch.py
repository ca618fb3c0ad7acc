"""Turning adapters off for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from .walk import adapters


@contextmanager
def disabled(model: nn.Module) -> Iterator[nn.Module]:
    """Within the block the model answers as its frozen base does, merged or not.

    A base that keeps the residual of a start from singular vectors answers with what was taken out put back,
    which is the frozen base as far as its type could hold the residual. Modules trained in full
    (``train_modules``) keep their trained values.
    """
    layers = list(adapters(model).values())
    before = [layer.enabled for layer in layers]
    merged = [(layer, layer.base_weight, layer.rounding_error or 0.0) for layer in layers if layer.merged]
    for layer, *_ in merged:
        layer.unmerge_()
    for layer in layers:
        layer.enabled = False
    try:
        yield model
    finally:
        for layer, enabled in zip(layers, before, strict=True):
            layer.enabled = enabled
        for layer, total, rounding_error in merged:
            layer.merge_(total, rounding_error)
