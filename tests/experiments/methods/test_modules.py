"""Modules that were put on a model: kept, put on again, and refused where they do not fit."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from adalora import CheckpointError, ConfigError, TargetError
from experiments.methods import METHODS
from tests.experiments.tiny_families import MODELS, made, text

OWN = ("adapter-h", "adapter-l", "adapter-p", "adapter-d", "preembed", "prelayer")
ALL = (*OWN, "lora+pe", "lora+pl")


def settings(config, name):
    adapter = {"rank": 2, "target_modules": "all-linear"}
    parts = {"bottleneck": {"width": 3}, "tokens": {"prefix": 2, "infix": 1}}
    parts = {part: parts[part] for part in parts if part not in METHODS[name].ignored}
    return METHODS[name].resolve(config(method=name, adapter=adapter, **parts))


def trained(name, config, model):
    METHODS[name].prepare(model, settings(config, name))
    for p in model.parameters():
        if p.requires_grad:
            nn.init.normal_(p, std=0.3)
    return model.eval()


def logits(model):
    with torch.no_grad():
        return model.eval()(input_ids=text()).logits


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("family", MODELS)
def test_what_was_trained_comes_back(name, family, config, tmp_path):
    model = trained(name, config, made(MODELS[family]))
    METHODS[name].save(model, [], tmp_path)
    fresh = made(MODELS[family])
    METHODS[name].load(fresh, tmp_path)
    torch.testing.assert_close(logits(fresh), logits(model), rtol=0, atol=1e-5)
    assert not torch.allclose(logits(made(MODELS[family])), logits(model), atol=1e-3)


@pytest.mark.parametrize("name", OWN)
def test_modules_and_head_are_free_and_nothing_else(name, config):
    model = made(MODELS["bert"])
    before = {id(p) for p in model.parameters()}
    chosen = METHODS[name].resolve(config(method=name))
    assert METHODS[name].prepare(model, chosen) == []
    free = {key for key, p in model.named_parameters() if p.requires_grad}
    new = {key for key, p in model.named_parameters() if id(p) not in before}
    assert new
    assert free == new | {"classifier.weight", "classifier.bias"}


@pytest.mark.parametrize("name", ALL)
def test_a_wrong_name_leaves_the_model_as_it_was(name, config):
    model = made(MODELS["bert"])
    adapter = {"rank": 2, "train_modules": ["clasifier"]}
    before = [key for key, _ in model.named_modules()]
    with pytest.raises(TargetError, match="clasifier"):
        METHODS[name].prepare(model, METHODS[name].resolve(config(method=name, adapter=adapter)))
    assert [key for key, _ in model.named_modules()] == before
    assert not model.bert._forward_pre_hooks
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("name", ALL)
def test_a_family_that_is_not_known_is_refused(name, config):
    chosen = METHODS[name].resolve(config(method=name, adapter={"rank": 1, "target_modules": ["0"]}))
    with pytest.raises(ConfigError, match="model is of type 'Sequential'"):
        METHODS[name].prepare(nn.Sequential(nn.Linear(4, 4)), chosen)


@pytest.mark.parametrize("name", OWN)
def test_factors_and_quantised_weights_are_refused(name, config):
    for part in ({"training": {"left_ratio": 2.0}}, {"quantization": {"kind": "nf4"}}):
        with pytest.raises(ConfigError, match=f"with method: {name}, which puts no factors on"):
            METHODS[name].resolve(config(method=name, **part))


@pytest.mark.parametrize("name", ["adapter-h", "adapter-l", "adapter-p"])
def test_layers_are_dropped_by_adapter_d_alone(name, config):
    with pytest.raises(ConfigError, match=f"bottleneck.dropped is 1; allowed: null with method: {name}"):
        METHODS[name].resolve(config(method=name, bottleneck={"dropped": 1}))


@pytest.fixture
def kept(config, tmp_path):
    METHODS["adapter-p"].save(trained("adapter-p", config, made(MODELS["bert"])), [], tmp_path)
    return tmp_path / "trained.safetensors"


def refuse(path, words, name="adapter-p", family="bert"):
    model = made(MODELS[family])
    before = logits(model), list(model.state_dict())
    with pytest.raises(CheckpointError, match=words):
        METHODS[name].load(model, path.parent)
    assert torch.equal(logits(model), before[0])
    assert list(model.state_dict()) == before[1]


def test_files_that_do_not_fit_change_nothing(kept):
    refuse(
        kept, "holds the modules of 'adapter-p', where those of 'adapter-h' are expected", name="adapter-h"
    )
    refuse(kept, "'adapter-p', where those of 'prelayer' are expected|does not say", name="prelayer")
    refuse(kept, "trained.safetensors", family="deberta-v2")
    tensors = load_file(kept)
    header = {"settings": json.dumps({"design": "adapter-p", "width": 3, "dropped": 0})}
    save_file(dict(list(tensors.items())[1:]), kept, header)
    refuse(kept, "lacks 'bert.encoder.layer.0.output.LayerNorm.bottleneck.down.bias'")
    save_file(tensors, kept, {"settings": json.dumps({"design": "adapter-p", "width": 4, "dropped": 0})})
    refuse(kept, "but the model has it as")
    for damaged in (
        {"settings": "{"},
        {"settings": "[]"},
        *({"settings": json.dumps({"design": "adapter-p", "width": bad})} for bad in (0, True, 4.0, "4")),
        None,
    ):
        save_file(tensors, kept, damaged)
        refuse(kept, "trained.safetensors does not say how its modules are built")
    for huge in (65, 10**9, 10**400):
        save_file(
            tensors, kept, {"settings": json.dumps({"design": "adapter-p", "width": huge, "dropped": 0})}
        )
        refuse(kept, r"says width = (65|10+), and has no numbers for that|does not say how its modules")
    kept.write_bytes(kept.read_bytes()[:50])
    refuse(kept, "is truncated or not a safetensors file")
    kept.unlink()
    refuse(kept, "does not exist")


def test_an_adapter_that_is_missing_takes_the_tokens_off_again(config, tmp_path):
    METHODS["lora+pe"].save(trained("lora+pe", config, made(MODELS["bert"])), [], tmp_path)
    (tmp_path / "factors").rename(tmp_path / "elsewhere")
    refuse(tmp_path / "trained.safetensors", "factors", name="lora+pe")
