"""Bytes of quantised weights, beside those that bitsandbytes takes."""

import pytest
from torch import nn

import adalora
from experiments.config import QuantizationConfig
from experiments.planning.quantised import quantised_bytes

SIZES = [(48, 32), (7, 5), (130, 257), (1, 64)]


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("kind", adalora.quantize.KINDS)
def test_bytes_are_those_of_the_library(kind, double):
    layers = [nn.Linear(d2, d1, bias=False) for d1, d2 in SIZES]
    model = adalora.quantize_(nn.Sequential(*layers), kind, double_quant=double)
    settings = QuantizationConfig(kind, double)
    assert quantised_bytes(SIZES, settings) == adalora.footprint(model).bytes


def test_nothing_takes_nothing():
    assert quantised_bytes([], QuantizationConfig("nf4")) == 0
