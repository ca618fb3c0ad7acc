"""Which layer is of which kind."""

import bitsandbytes as bnb
import pytest
from torch import nn
from transformers.pytorch_utils import Conv1D

from adalora.layers import kind_of, supported
from adalora.layers.convolution import Convolution
from adalora.layers.embedding import Embedding
from adalora.layers.linear import Linear, Transposed


@pytest.mark.parametrize(
    ("module", "kind", "shape"),
    [
        (nn.Linear(5, 4), Linear, (4, 5)),
        (Conv1D(4, 5), Transposed, (4, 5)),
        (bnb.nn.Linear4bit(5, 4), Linear, (4, 5)),
        (bnb.nn.LinearNF4(5, 4), Linear, (4, 5)),
        (bnb.nn.Linear8bitLt(5, 4), Linear, (4, 5)),
        (nn.Conv1d(6, 4, 3), Convolution, (4, 18)),
        (nn.Conv2d(6, 4, (3, 2), groups=2), Convolution, (4, 18)),
        (nn.Conv3d(2, 4, 2), Convolution, (4, 16)),
        (nn.Embedding(7, 3), Embedding, (3, 7)),
    ],
)
def test_every_type_has_its_kind_and_shape(module, kind, shape):
    assert type(kind_of(module)) is kind
    assert kind_of(module).shape(module) == shape


def test_a_subclass_is_another_type():
    class Other(nn.Linear):
        pass

    assert kind_of(Other(2, 2)) is None
    assert kind_of(nn.LayerNorm(2)) is None
    assert kind_of(nn.ConvTranspose2d(2, 2, 2)) is None
    # nn.MultiheadAttention reads its projection's weight and never calls it, so an adapter there would be dead.
    assert kind_of(nn.MultiheadAttention(4, 2).out_proj) is None


def test_the_supported_types_are_named():
    for name in (
        "Linear",
        "Conv1D",
        "Conv3d",
        "Embedding",
        "MultiheadAttention",
        "fused experts",
        "Linear4bit",
    ):
        assert name in supported()
