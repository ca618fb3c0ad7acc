"""Methods that put an adapter on a model."""

import pytest

import adalora
from experiments.methods import METHODS, controller_of
from experiments.models import load_model
from experiments.problems import CLASSIFICATION


@pytest.fixture
def model(bert):
    return load_model(str(bert), CLASSIFICATION, ("a", "b"))


def trained(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


def put_on(name, model, config):
    return METHODS[name].prepare(model, METHODS[name].resolve(config))


def test_adalora_frees_adapter_and_head(model, config):
    callbacks = put_on("adalora", model, config())
    assert len(adalora.adapters(model)) == 12
    assert {name.split(".")[-1] for name in trained(model) if "updates" in name} == {"P", "lam", "Q"}
    assert {"classifier.weight", "classifier.bias"} < trained(model)
    assert controller_of(callbacks) is None  # it is made when training begins


def test_lora_has_factors_of_its_own_and_no_allocation(model, config, tmp_path):
    callbacks = put_on("lora", model, config())
    assert callbacks == []
    assert {name.split(".")[-1] for name in trained(model) if "updates" in name} == {"A", "B"}
    METHODS["lora"].save(model, callbacks, tmp_path)
    assert (tmp_path / "adapter/adapter.json").is_file()
