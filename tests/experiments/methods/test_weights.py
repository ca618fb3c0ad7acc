"""Methods that free weights of the model itself, and the files of what they trained."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import BartForConditionalGeneration, GPT2Config, GPT2Model, LlamaConfig, LlamaModel

from adalora import CheckpointError, ConfigError, TargetError
from experiments.methods import METHODS
from experiments.methods.weights import Weights
from experiments.models import load_model
from experiments.problems import CLASSIFICATION

HEAD = {"classifier.weight", "classifier.bias"}


@pytest.fixture
def model(bert):
    return load_model(str(bert), CLASSIFICATION, ("a", "b"))


def free(name, model, config):
    assert METHODS[name].prepare(model, config) == []
    return {name for name, p in model.named_parameters() if p.requires_grad}


def test_head_frees_the_head_alone_and_saves_it(model, config, tmp_path):
    assert free("head", model, config()) == HEAD
    METHODS["head"].save(model, [], tmp_path)
    assert set(load_file(tmp_path / "head.safetensors")) == HEAD


@pytest.mark.parametrize("name", ["head", "ft-top2", "bitfit"])
def test_a_head_that_is_not_there_is_refused(model, config, name):
    with pytest.raises(TargetError, match="classifier"):
        free(name, model, config(adapter={"rank": 4, "train_modules": ["clasifier"]}))
    assert all(p.requires_grad for p in model.parameters())


def test_a_head_that_is_not_named_is_refused(model, config):
    with pytest.raises(ConfigError, match=r"adapter.train_modules is empty"):
        free("head", model, config(adapter={"rank": 4}))


def test_full_frees_everything(model, config):
    assert free("full", model, config()) == {name for name, _ in model.named_parameters()}


def test_bitfit_frees_biases_and_head(model, config):
    names = {name for name, _ in model.named_parameters()}
    assert free("bitfit", model, config()) == HEAD | {name for name in names if name.endswith(".bias")}


def test_top2_frees_the_last_two_layers_and_head(tmp_path, opinions, config):
    model = GPT2Model(GPT2Config(vocab_size=9, n_positions=8, n_embd=8, n_layer=4, n_head=2))
    settings = config(adapter={"rank": 4})
    assert {name.rsplit(".")[1] for name in free("ft-top2", model, settings)} == {"2", "3"}


def test_top2_of_an_encoder_with_a_decoder_is_in_the_decoder(bart, config):
    model = BartForConditionalGeneration.from_pretrained(bart)
    freed = free("ft-top2", model, config(adapter={"rank": 4}))
    assert all(name.startswith("model.decoder.layers.") for name in freed)
    assert {name.split(".")[3] for name in freed} == {"0", "1"}


def test_top2_has_a_head_beside_its_layers(model, config):
    assert free("ft-top2", model, config()) > HEAD


def test_models_without_layers_or_biases_are_refused(config):
    settings = config(adapter={"rank": 4})
    with pytest.raises(ConfigError, match="'ft-top2', but the model has no list of layers with an attention"):
        METHODS["ft-top2"].prepare(torch.nn.Sequential(torch.nn.Linear(8, 8)), settings)
    llama = LlamaModel(
        LlamaConfig(
            vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2
        )
    )
    with pytest.raises(ConfigError, match="'bitfit', but no weight of the model is a bias"):
        METHODS["bitfit"].prepare(llama, settings)
    assert all(p.requires_grad for p in llama.parameters())


def test_tied_weights_are_kept_once_and_stay_tied(bart, tmp_path):
    kept = Weights("kept.safetensors")
    model = BartForConditionalGeneration.from_pretrained(bart)
    with torch.no_grad():
        model.model.shared.weight.add_(1.0)
    kept.save(model, [], tmp_path)
    other = BartForConditionalGeneration.from_pretrained(bart)
    kept.load(other, tmp_path)
    assert torch.equal(other.lm_head.weight, model.model.shared.weight)
    assert other.lm_head.weight is other.model.shared.weight


def test_a_file_that_is_not_there_is_named(model, tmp_path):
    with pytest.raises(CheckpointError, match=r"kept.safetensors does not exist"):
        Weights("kept.safetensors").load(model, tmp_path)


def test_a_file_of_another_model_changes_nothing(model, bert, tmp_path):
    kept = Weights("kept.safetensors")
    kept.save(load_model(str(bert), CLASSIFICATION, ("a", "b", "c")), [], tmp_path)
    before = {name: p.clone() for name, p in model.named_parameters()}
    with pytest.raises(CheckpointError, match=r"'classifier.*the model has it as \(2"):
        kept.load(model, tmp_path)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    with pytest.raises(CheckpointError, match="but the model has no such weight"):
        kept.load(torch.nn.Linear(2, 2), tmp_path)
