"""Every method of the registry goes all the way, on two tasks: no row ships untried."""

import json
from dataclasses import replace

import pytest
import torch

from experiments import files
from experiments.fit import build, fit
from experiments.methods import METHODS
from experiments.models import build_base
from experiments.prepare import prepare
from experiments.train import train
from tests.experiments import tiny
from tests.experiments.resume import same, stopped

IN_ONE_FILE = ("full", "ft-top2", "bitfit", "adapter-h", "adapter-l", "adapter-p", "adapter-d")
WITH_TOKENS = ("preembed", "prelayer", "lora+pe", "lora+pl")
KEPT = {"head": files.HEAD, **dict.fromkeys((*IN_ONE_FILE, *WITH_TOKENS), files.TRAINED)}
TRAINING = {"max_steps": 8, "batch_size": 4, "log_every": 2, "save_every": 2}


@pytest.fixture
def classifying(bert, opinions):
    """Return the settings of an encoder with a new head, and the metric of its task."""
    return {"model": str(bert), "data": {"path": str(opinions), "max_length": 16}}, "accuracy"


@pytest.fixture
def writing(gpt2, tmp_path):
    """Return the settings of a decoder that writes with the head that it has, and the metric of its task."""
    rows = [
        {"id": str(i), "dialogue": f"{tiny.WORDS[i]} was good", "summary": "good film"} for i in range(16)
    ]
    for split, some in (("train", rows), ("validation", rows[:4]), ("test", rows[4:8])):
        tiny.write_split(tmp_path / "chats", split, some)
    settings = {
        "task": "samsum",
        "model": str(gpt2),
        "data": {"path": str(tmp_path / "chats"), "max_length": 16, "target_length": 8},
        "adapter": {
            "recipe": "paper",
            "rank": 4,
            "target_modules": ["c_attn", "mlp.c_fc"],
            "train_modules": ["lm_head"],
        },
        "evaluation": {"every": 4, "batch_size": 4, "beams": 1},
    }
    return settings, "rouge1"


def base_of(data):
    return build_base(data.config, data.task.problem, data.processor, data.classes)


def logits(model, data):
    inputs = torch.tensor([data.train.features[0]["input_ids"]])
    with torch.no_grad():
        return model.eval()(input_ids=inputs).logits


@pytest.mark.parametrize("task", ["classifying", "writing"])
@pytest.mark.parametrize("name", METHODS)
def test_it_trains_and_resumes_evaluates_saves_loads_and_reports(
    config, name, task, request, tmp_path, monkeypatch
):
    settings, metric = request.getfixturevalue(task)
    method = METHODS[name]
    run = config(method=name, training=TRAINING, **settings)
    results = train(run)
    folder = files.path_of(run)

    # It evaluates, and reports.
    assert all(0 <= scores[metric] <= 1 for line in results.lines for scores in line.scores.values())
    written = json.loads((folder / files.RESULTS).read_text())
    lines = [line["label"] for line in written["lines"]]
    assert lines[1:] == [*(["head only"] if name != "head" else []), method.label]
    page = (folder / files.REPORT).read_text()
    assert method.label in page
    assert metric in page
    assert ("adalora.load(" in page) == results.adapter

    # It saves, and loads into the model as it came.
    assert (folder / KEPT.get(name, files.ADAPTER)).exists()
    assert (folder / files.ADAPTER).exists() == results.adapter == (name not in KEPT)
    data = prepare(method.resolve(run))
    fresh, untrained = base_of(data), base_of(data)
    method.load(fresh, folder)
    assert not torch.allclose(logits(untrained, data), logits(fresh, data))

    # It resumes, and comes to the very same.
    other = replace(run, output_dir=str(tmp_path / "stopped"))
    stopped(other, method.label, 5, monkeypatch)
    again = train(replace(other, resume=True))
    assert [line.scores for line in again.lines] == [line.scores for line in results.lines]
    same(folder, files.path_of(other))


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


def test_a_run_with_pictures_in_its_log_needs_no_adapter(config):
    train(config(method="bitfit", tensorboard_figures_every=4, baseline={"head": False}))
