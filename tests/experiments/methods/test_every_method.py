"""Every method of the registry goes all the way, on one small task: no row ships untried."""

import json

import pytest
import torch

from experiments import files
from experiments.fit import build, fit
from experiments.methods import METHODS
from experiments.models import build_base
from experiments.prepare import prepare
from experiments.train import train

IN_ONE_FILE = ("full", "ft-top2", "bitfit", "adapter-h", "adapter-l", "adapter-p", "adapter-d")
WITH_TOKENS = ("preembed", "prelayer", "lora+pe", "lora+pl")
KEPT = {"head": files.HEAD, **dict.fromkeys((*IN_ONE_FILE, *WITH_TOKENS), files.TRAINED)}


def base_of(data):
    return build_base(data.config, data.task.problem, data.processor, data.classes)


def logits(model, data):
    inputs = torch.tensor([data.train.features[0]["input_ids"]])
    with torch.no_grad():
        return model.eval()(input_ids=inputs).logits


@pytest.mark.parametrize("name", METHODS)
def test_the_right_weights_move_and_come_back(config, tmp_path, name):
    method = METHODS[name]
    data = prepare(method.resolve(config(method=name)))
    model, callbacks = build(data, method)
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    free = {key for key, p in model.named_parameters() if p.requires_grad}

    def keep():
        method.save(model, callbacks, tmp_path)

    training = data.config.training
    fitted = fit(data, model, training, tmp_path, label=name, callbacks=callbacks, trained=keep)
    assert fitted.trained == sum(before[key].numel() for key in free)
    assert all(0 <= scores["accuracy"] <= 1 for scores in fitted.scores.values())
    after = dict(model.named_parameters())
    assert after.keys() == before.keys()
    moved = {key for key, p in after.items() if not torch.equal(p, before[key])}
    # A bias of the keys shifts all scores of a query alike, which softmax does not see.
    assert moved <= free
    assert {key for key in free - moved if not key.endswith("key.bias")} == set()

    fresh = base_of(data)
    assert not torch.allclose(logits(fresh, data), logits(model, data))
    method.load(fresh, tmp_path)
    torch.testing.assert_close(logits(fresh, data), logits(model, data), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_a_run_is_reported(config, name):
    settings = config(method=name)
    results = train(settings)
    folder = files.path_of(settings)
    assert (folder / KEPT.get(name, files.ADAPTER)).exists()
    assert (folder / files.ADAPTER).exists() == results.adapter == (name not in KEPT)
    written = json.loads((folder / files.RESULTS).read_text())
    lines = [line["label"] for line in written["lines"]]
    assert lines == ["majority class", *(["head only"] if name != "head" else []), METHODS[name].label]
    page = (folder / files.REPORT).read_text()
    assert METHODS[name].label in page
    assert "accuracy" in page
    assert ("adalora.load(" in page) == results.adapter


def test_a_run_with_pictures_in_its_log_needs_no_adapter(config):
    train(config(method="bitfit", tensorboard_figures_every=4, baseline={"head": False}))
