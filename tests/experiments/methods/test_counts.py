"""Trainable parameters, before anything is trained."""

import pytest

from experiments.fit import build
from experiments.methods import METHODS
from experiments.methods.counts import free_weights, trainable
from experiments.models import load_model
from experiments.prepare import prepare
from experiments.problems import CLASSIFICATION


@pytest.mark.parametrize("name", METHODS)
def test_a_count_on_no_memory_is_that_of_the_run(bert, config, name):
    settings = config(method=name)
    counted = trainable(load_model(str(bert), CLASSIFICATION, ("a", "b")).to("meta"), settings)
    model, _ = build(prepare(METHODS[name].resolve(settings)), METHODS[name])
    assert counted == free_weights(model)
