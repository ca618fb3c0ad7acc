"""Starts of P and Q."""

import typing

import pytest
import torch

from adalora import AdapterConfig
from adalora.updates.start import STARTS


def test_the_settings_and_the_table_name_the_same_starts():
    allowed = typing.get_args(typing.get_type_hints(AdapterConfig)["init"])
    assert set(allowed) == set(STARTS)


@pytest.mark.parametrize("name", sorted(STARTS))
def test_a_start_depends_on_the_generator_alone(name):
    def start():
        torch.manual_seed(3)
        P, Q = torch.zeros(7, 2), torch.zeros(2, 5)
        STARTS[name](P, Q)
        return P, Q

    one, two = start(), start()
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert all(torch.all(factor != 0) for factor in one)
