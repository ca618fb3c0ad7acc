"""What methods do to a model, and keep of it."""

import pytest
from safetensors.torch import load_file

import adalora
from adalora import ConfigError, TargetError
from experiments import methods
from experiments.methods import METHODS, controller_of
from experiments.models import load_model
from experiments.problems import CLASSIFICATION


@pytest.fixture
def model(bert):
    return load_model(str(bert), CLASSIFICATION, ("a", "b"))


def trained(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


def test_adalora_frees_adapter_and_head(model, config):
    callbacks = METHODS["adalora"].prepare(model, config())
    assert len(adalora.adapters(model)) == 12
    assert {name.split(".")[-1] for name in trained(model) if "updates" in name} == {"P", "lam", "Q"}
    assert {"classifier.weight", "classifier.bias"} < trained(model)
    assert controller_of(callbacks) is None  # it is made when training begins


def test_head_frees_the_head_alone_and_saves_it(model, config, tmp_path):
    callbacks = METHODS["head"].prepare(model, config())
    assert trained(model) == {"classifier.weight", "classifier.bias"}
    METHODS["head"].save(model, callbacks, tmp_path)
    assert set(load_file(tmp_path / "head.safetensors")) == {"classifier.weight", "classifier.bias"}


def test_a_head_that_is_not_named_or_not_there_is_refused(model, config):
    with pytest.raises(ConfigError, match=r"adapter.train_modules is empty"):
        METHODS["head"].prepare(model, config(adapter={"rank": 4}))
    with pytest.raises(TargetError, match="classifier"):
        METHODS["head"].prepare(model, config(adapter={"rank": 4, "train_modules": ["clasifier"]}))


def test_lora_has_factors_of_its_own_and_no_allocation(model, config, tmp_path):
    callbacks = METHODS["lora"].prepare(model, config())
    assert callbacks == []
    assert {name.split(".")[-1] for name in trained(model) if "updates" in name} == {"A", "B"}
    METHODS["lora"].save(model, callbacks, tmp_path)
    assert (tmp_path / "adapter/adapter.json").is_file()


def test_adaptive_rank_needs_triplets(model, config):
    with pytest.raises(
        ConfigError, match=r"adapter.update is 'lora', whose rank cannot adapt; allowed: 'svd', or"
    ):
        METHODS["adalora"].prepare(model, config(adapter={"update": "lora", "rank": 4}))


def test_the_settings_that_a_method_takes(config):
    assert METHODS["lora"].resolve(config()).adapter.update == "lora"
    for name in ("adalora", "head"):
        assert METHODS[name].resolve(config()) == config()
    with pytest.raises(ConfigError, match=r"adapter.update is 'lora', whose rank cannot adapt"):
        METHODS["adalora"].resolve(config(adapter={"update": "lora"}))


def test_an_unknown_method_is_refused():
    with pytest.raises(ConfigError, match="method is 'heads'; allowed: adalora, lora, head"):
        methods.get("heads")
