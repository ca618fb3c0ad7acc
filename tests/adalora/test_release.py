"""Letting go of pruned triplets: what stands in the way is said once, and nothing is cut then."""

import dataclasses
import logging

import pytest

from adalora import AdaLoRAController
from tests.adalora.test_compact import ALLOCATION, OPTIMIZERS, adapted, trainable, updates
from tests.models import mlp_batches


def by_hand(told, **settings):
    """Train without `attach`; return the model and its controller."""
    model = adapted()
    optimizer = OPTIMIZERS["AdamW"](trainable(model))
    controller = AdaLoRAController(model, dataclasses.replace(ALLOCATION, **settings))
    for x, y in mlp_batches(30):
        model(x, y).backward()
        controller.before_step(optimizer)
        optimizer.step()
        controller.after_step(optimizer if told else None)
        optimizer.zero_grad()
    return model, controller


def test_steps_by_hand_without_the_optimizer_cut_nothing_and_the_log_says_so_once(caplog):
    with caplog.at_level(logging.WARNING, "adalora"):
        model, controller = by_hand(told=False, prune="hard")
    assert [one.P.shape[1] for one in updates(model)] == [4, 4]
    assert sum(controller.ranks().values()) == 4
    words = "adapter 'default' do not shrink, pruned λ stay zero: after_step was called without the optimizer"
    assert [words in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize("compact", [True, False])
def test_steps_by_hand_with_the_optimizer_cut_if_they_are_to(caplog, compact):
    model, controller = by_hand(told=True, compact=compact)
    shapes = [one.P.shape[1] for one in updates(model)]
    assert sum(shapes) == (4 if compact else 8)
    assert not caplog.records
    assert shapes == list(controller.ranks().values()) or not compact
