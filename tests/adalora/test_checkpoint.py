"""Saving and loading: round trips, other models, damaged files, and full disks."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from adalora import checkpoint as module
from tests.models import bert, bert_batches, gpt2, mlp

ADAPTER = AdapterConfig(
    rank=4, target_modules=["query", "dense"], exclude_modules=["pooler"], train_modules=["classifier"]
)
ALLOCATION = AllocationConfig(recipe="paper", target_rank=2, total_steps=20, final_steps=5, interval=2)


def trained(model):
    adalora.inject(model, ADAPTER)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-2)
    controller = AdaLoRAController(model, ALLOCATION)
    controller.attach(optimizer)
    for batch in bert_batches(20):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, controller


@pytest.fixture(scope="module")
def run():
    torch.manual_seed(0)
    base = bert().eval()
    model, controller = trained(copy.deepcopy(base))
    return base, model, controller


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def state(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def assert_unchanged(model, before):
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize("into", ["base", "injected"])
def test_round_trip(run, tmp_path, into):
    base, model, controller = run
    adalora.save(model, tmp_path / "run", controller)
    twin = copy.deepcopy(base)
    if into == "injected":
        adalora.inject(twin, ADAPTER)
    generator = torch.get_rng_state()
    assert adalora.load(twin, tmp_path / "run") is twin
    assert torch.equal(torch.get_rng_state(), generator)
    batch = next(bert_batches(1))
    assert torch.equal(twin(**batch).logits, model(**batch).logits)
    ranks = {name: layer.rank for name, layer in adalora.adapters(twin).items()}
    assert ranks == controller.ranks()
    assert sum(ranks.values()) == 2 * len(ranks)


def test_header_says_what_is_in_the_file(run, tmp_path):
    _, model, controller = run
    adalora.save(model, tmp_path, controller)
    header = json.loads((tmp_path / "adapter.json").read_text())
    assert header["format"] == "adalora"
    assert header["version"] == 4
    assert header["config"]["target_modules"] == ["query", "dense"]
    assert {name: entry["rank"] for name, entry in header["modules"].items()} == controller.ranks()
    assert header["modules"]["bert.encoder.layer.0.intermediate.dense"]["shape"] == [24, 16]
    assert header["trained"] == {"classifier.weight": [3, 16], "classifier.bias": [3]}
    assert set(load_file(data(tmp_path))) == {
        *(f"{name}.{factor}" for name in header["modules"] for factor in ("P", "lam", "Q", "mask")),
        *header["trained"],
    }


def test_saving_without_controller_leaves_no_stale_one(run, tmp_path):
    _, model, controller = run
    adalora.save(model, tmp_path, controller)
    assert len(contents(tmp_path)) == 6
    adalora.save(model, tmp_path)
    assert sorted(contents(tmp_path)) == ["README.md", data(tmp_path).name, "adapter.json", "ranks.svg"]


def poisoned(folder):
    tensors = load_file(data(folder))
    key = next(key for key in tensors if key.endswith(".Q"))
    tensors[key][0, 0] = torch.nan
    save_file(tensors, data(folder))


def data(folder):
    return folder / header(folder)["files"]["adapter"]


def header(folder):
    return json.loads((folder / "adapter.json").read_text())


def truncated(folder):
    path = data(folder)
    path.write_bytes(path.read_bytes()[:-100])


def pickled(folder):
    torch.save({"a": torch.zeros(2)}, data(folder))


def edited(change):
    def damage(folder):
        value = header(folder)
        change(value)
        (folder / "adapter.json").write_text(json.dumps(value))

    return damage


def without_a_tensor(folder):
    tensors = load_file(data(folder))
    del tensors[next(key for key in tensors if key.endswith(".lam"))]
    save_file(tensors, data(folder))


DAMAGES = [
    (poisoned, r"tensor 'bert.*\.Q' has a NaN or an infinite value"),
    (truncated, r"adapter-\w+\.safetensors is truncated or not a safetensors file"),
    (pickled, r"adapter-\w+\.safetensors is truncated or not a safetensors file"),
    (without_a_tensor, r"does not hold what adapter.json promises: bert.*lam: \(\d,\) saved, absent here"),
    (
        lambda folder: data(folder).unlink(),
        "safetensors does not exist; the folder is incomplete",
    ),
    (lambda folder: (folder / "adapter.json").unlink(), "adapter.json does not exist; give a folder that"),
    (lambda folder: (folder / "adapter.json").write_text("{"), "cannot be read as JSON"),
    (lambda folder: (folder / "adapter.json").write_text("[1]"), "holds a list where an object is expected"),
    (
        edited(lambda value: value.update(version=99)),
        "version 99; this adalora reads format 'adalora', versions 1 to 4",
    ),
    (
        edited(lambda value: value.update(files={"adapter": "../x.safetensors"})),
        "is no name of a file of ours",
    ),
    (
        edited(lambda value: value.update(files={})),
        "should be adapter alone, or with controller and averages",
    ),
    (edited(lambda value: value["config"].update(rank=0)), "is damaged: rank is 0; allowed"),
    (edited(lambda value: value.pop("modules")), "is damaged: 'modules'"),
    (edited(lambda value: value["config"].update(colour=1)), "is damaged: .*colour"),
    (edited(lambda value: value["modules"].update(x={})), "is damaged: 'shape'"),
    (
        edited(lambda value: value["modules"].update(x={"shape": [1], "rank": 1})),
        "shape .1. should have 2 or 3 sizes",
    ),
    (edited(lambda value: value.update(trained={"classifier.weight": 3})), "is damaged"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_damaged_files_are_named_and_leave_the_model_as_it_was(run, tmp_path, damage, message):
    base, model, _ = run
    adalora.save(model, tmp_path)
    damage(tmp_path)
    twin = copy.deepcopy(base)
    before = state(twin)
    with pytest.raises(adalora.CheckpointError, match=message):
        adalora.load(twin, tmp_path)
    assert_unchanged(twin, before)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: bert(labels=5), r"classifier\.weight: \(3, 16\) saved, \(5, 16\) here"),
        (lambda: bert(layers=1), r"bert\.encoder\.layer\.1.*query: \(16, 16\) saved, absent here"),
        (lambda: bert(layers=3), r"bert\.encoder\.layer\.2.*query: absent saved, \(16, 16\) here"),
        (gpt2, r"belongs to another model \(unnamed\); 10 names, shapes or settings differ, first: bert"),
    ],
)
def test_another_model_is_refused_with_the_first_differences(run, tmp_path, build, message):
    _, model, _ = run
    adalora.save(model, tmp_path)
    other = build()
    before = state(other)
    with pytest.raises(adalora.CheckpointError, match=message):
        adalora.load(other, tmp_path)
    assert_unchanged(other, before)


def test_a_failed_save_leaves_the_previous_files_whole(run, tmp_path, monkeypatch):
    _, model, controller = run
    adalora.save(model, tmp_path, controller)
    before = contents(tmp_path)

    def full(value, **form):
        def write(path):
            path.write_text("half")
            raise OSError(28, "No space left on device")

        return write

    monkeypatch.setattr(module, "json_writer", full)
    with pytest.raises(adalora.CheckpointError, match=r"could not write to .*No space left.*are whole"):
        adalora.save(model, tmp_path, controller)
    assert contents(tmp_path) == before
    with pytest.raises(adalora.CheckpointError, match="could not write"):
        adalora.save(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_rename_that_fails_leaves_the_previous_save_whole_too(run, tmp_path, monkeypatch):
    _, model, controller = run
    adalora.save(model, tmp_path, controller)
    before = contents(tmp_path)

    def refuse(self, target):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(adalora.CheckpointError, match="Input/output error"):
        adalora.save(model, tmp_path / "a/b/c", controller)
    with pytest.raises(adalora.CheckpointError, match="Input/output error"):
        adalora.save(model, tmp_path, controller)
    assert contents(tmp_path) == before


def test_an_unhealthy_adapter_does_not_replace_a_healthy_save(run, tmp_path):
    _, model, _ = run
    adalora.save(model, tmp_path)
    before = contents(tmp_path)
    sick = copy.deepcopy(model)
    sick.classifier.weight.data[0, 0] = torch.inf
    with pytest.raises(adalora.CheckpointError, match=r"'classifier\.weight' has a NaN or an infinite value"):
        adalora.save(sick, tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rank": 1}, "rank: 4 saved, 1 here"),
        ({"rank": 3}, "rank: 4 saved, 3 here"),
        ({"alpha": 5.0}, "alpha: 8.0 saved, 5.0 here"),
        ({"scaling": "rslora"}, "scaling: 'lora' saved, 'rslora' here"),
        ({"target_modules": ["query"]}, r"\.dense: \(16, 16\) saved, absent here"),
        ({"train_modules": []}, r"classifier.weight: \(3, 16\) saved, absent here"),
    ],
)
def test_an_adapter_of_other_settings_is_not_filled(run, tmp_path, change, message):
    base, model, _ = run
    adalora.save(model, tmp_path)
    twin = adalora.inject(copy.deepcopy(base), dataclasses.replace(ADAPTER, **change))
    before = state(twin)
    with pytest.raises(adalora.CheckpointError, match=message):
        adalora.load(twin, tmp_path)
    assert_unchanged(twin, before)


def test_a_merged_model_is_refused(run, tmp_path):
    base, model, _ = run
    adalora.save(model, tmp_path)
    twin = adalora.merge_(adalora.load(copy.deepcopy(base), tmp_path))
    with pytest.raises(adalora.StateError, match="the model is merged; call unmerge_"):
        adalora.load(twin, tmp_path)


def controller_edited(change):
    def damage(folder):
        path = folder / header(folder)["files"]["controller"]
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (controller_edited(lambda value: value.clear()), "controller's state is damaged: KeyError"),
        (
            controller_edited(lambda value: value["history"]["steps"].append(1)),
            "controller's state is damaged",
        ),
        (
            controller_edited(lambda value: value["config"].update(scorer="magnitude")),
            "scorer is 'magnitude' in",
        ),
        (lambda folder: (folder / header(folder)["files"]["averages"]).unlink(), "does not exist"),
    ],
)
def test_a_damaged_controller_leaves_model_and_controller_as_they_were(run, tmp_path, damage, message):
    base, model, controller = run
    adalora.save(model, tmp_path, controller)
    damage(tmp_path)
    twin = adalora.inject(copy.deepcopy(base), ADAPTER)
    fresh = AdaLoRAController(twin, ALLOCATION)
    before, history = state(twin), list(fresh.history)
    with pytest.raises(adalora.CheckpointError, match=message):
        adalora.load(twin, tmp_path, fresh)
    assert_unchanged(twin, before)
    assert (fresh.step, fresh.history) == (0, history)


def test_a_save_without_controller_cannot_resume_a_run(run, tmp_path):
    base, model, _ = run
    adalora.save(model, tmp_path)
    twin = adalora.inject(copy.deepcopy(base), ADAPTER)
    with pytest.raises(adalora.CheckpointError, match="was saved without a controller"):
        adalora.load(twin, tmp_path, AdaLoRAController(twin, ALLOCATION))


def test_other_settings_of_a_resumed_run_are_told(run, tmp_path):
    base, model, controller = run
    adalora.save(model, tmp_path, controller)
    twin = adalora.inject(copy.deepcopy(base), ADAPTER)
    longer = AdaLoRAController(twin, dataclasses.replace(ALLOCATION, total_steps=30))
    with pytest.warns(UserWarning, match="other settings: total_steps 20 → 30"):
        adalora.load(twin, tmp_path, longer)
    assert longer.step == 20


def test_with_warnings_as_errors_other_settings_change_nothing(run, tmp_path):
    base, model, controller = run
    adalora.save(model, tmp_path, controller)
    twin = adalora.inject(copy.deepcopy(base), ADAPTER)
    before = {key: tensor.clone() for key, tensor in twin.state_dict().items()}
    longer = AdaLoRAController(twin, dataclasses.replace(ALLOCATION, total_steps=30))
    with pytest.raises(UserWarning, match="other settings: total_steps 20 → 30"):
        adalora.load(twin, tmp_path, longer)
    assert longer.step == 0
    assert all(torch.equal(tensor, before[key]) for key, tensor in twin.state_dict().items())


def test_a_module_trained_in_full_is_saved_also_under_another_adapter(run, tmp_path):
    base = copy.deepcopy(run[0])
    one = dataclasses.replace(ADAPTER, target_modules=["query"])
    model = adalora.inject(copy.deepcopy(base), one, name="one")
    model.classifier.weight.data.fill_(3.0)
    adalora.inject(model, AdapterConfig(rank=2, exclude_modules=["classifier"]), name="two")
    adalora.save(model, tmp_path, name="one")
    twin = adalora.load(base, tmp_path, name="one")
    assert torch.equal(twin.classifier.weight, torch.full((3, 16), 3.0))


def test_an_infinite_buffer_may_be_meant(tmp_path):
    def build():
        model = mlp()
        model.head = nn.Sequential(model.head)
        model.head.register_buffer("causal", torch.full((2, 2), -torch.inf))
        return model

    settings = AdapterConfig(rank=2, target_modules=["up"], train_modules=["head"])
    model = adalora.inject(build(), settings)
    adalora.save(model, tmp_path)
    twin = adalora.load(build(), tmp_path)
    assert torch.equal(twin.head.causal, torch.full((2, 2), -torch.inf))
    assert torch.equal(twin.head[0].weight, model.head[0].weight)


def test_settings_that_name_what_the_model_lacks_are_a_checkpoint_error(run, tmp_path):
    _, model, _ = run
    adalora.save(model, tmp_path)
    other = bert()
    other.bert.pooler = None
    with pytest.raises(
        adalora.CheckpointError, match="settings do not fit this model: exclude_modules 'pooler'"
    ):
        adalora.load(other, tmp_path)


def test_compiled_and_wrapped_models_are_saved_under_their_own_names(run, tmp_path):
    base, model, controller = run
    adalora.save(torch.compile(model, backend="eager"), tmp_path)
    twin = adalora.load(copy.deepcopy(base), tmp_path)
    assert {name: layer.rank for name, layer in adalora.adapters(twin).items()} == controller.ranks()


def test_saving_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(adalora.StateError, match="no adapter named 'default'; it has: none"):
        adalora.save(bert(), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_card_lies_beside_every_adapter(run, tmp_path):
    _, model, controller = run
    adalora.save(model, tmp_path, controller, metrics={"accuracy": torch.tensor(0.75)})
    card, picture = ((tmp_path / name).read_text() for name in ("README.md", "ranks.svg"))
    assert "| accuracy | 0.75 |" in card
    modules = len(controller.ranks())
    assert (
        f"Of a total rank of {4 * modules} at the start, {2 * modules} is kept, in {modules} matrices."
        in card
    )
    assert f"A total rank of {2 * modules} in {modules} modules" in picture
    adalora.save(model, tmp_path)
    assert (tmp_path / "README.md").read_text() != card
    assert "None recorded." in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"loss": 0.5, "f1": float("nan")}, r"metrics\['f1'\] is nan; allowed: a finite number"),
        ({"loss": torch.ones(2)}, r"metrics\['loss'\] is tensor.*; allowed: a finite number"),
        ({1: 0.5}, "a name in metrics is 1; allowed: a string"),
        ([0.5], r"metrics is \[0.5\]; allowed: numbers by name, or None"),
    ],
)
def test_metrics_that_are_none_are_refused_before_anything_is_written(run, tmp_path, metrics, message):
    with pytest.raises(adalora.ConfigError, match=message):
        adalora.save(run[1], tmp_path / "x", metrics=metrics)
    assert not (tmp_path / "x").exists()


def test_a_card_that_fails_leaves_the_adapter_whole(run, tmp_path, monkeypatch):
    base, model, controller = run
    adalora.save(model, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("README.md", "ranks.svg")}
    rename = Path.replace

    def only_the_header(self, target):
        if target.name != "adapter.json":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", only_the_header)
    with pytest.raises(
        adalora.CheckpointError, match=r"is saved and whole, but its model card is not: .*No space left"
    ):
        adalora.save(model, tmp_path, controller, metrics={"accuracy": 1.0})
    assert len(contents(tmp_path)) == 6
    assert before == {name: (tmp_path / name).read_bytes() for name in before}
    twin = adalora.inject(copy.deepcopy(base), ADAPTER)
    adalora.load(twin, tmp_path, AdaLoRAController(twin, ALLOCATION))


def test_a_rank_that_is_claimed_takes_no_memory(run, tmp_path):
    base, model, controller = run
    adalora.save(model, tmp_path)
    header = json.loads((tmp_path / "adapter.json").read_text())
    header["config"]["rank"] = 10**13
    (tmp_path / "adapter.json").write_text(json.dumps(header))
    twin = adalora.load(copy.deepcopy(base), tmp_path)
    assert {name: layer.rank for name, layer in adalora.adapters(twin).items()} == controller.ranks()
