"""Saving and loading: round trips, other models, damaged files, and full disks."""

import copy
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import adalora
from adalora import AdaLoRAController, AdapterConfig, AllocationConfig
from adalora import checkpoint as module
from tests.models import bert, bert_batches, gpt2

ADAPTER = AdapterConfig(
    rank=4, target_modules=["query", "dense"], exclude_modules=["pooler"], train_modules=["classifier"]
)
ALLOCATION = AllocationConfig(target_rank=2, total_steps=20, final_steps=5, interval=2)


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
    assert header["version"] == 1
    assert header["config"]["target_modules"] == ["query", "dense"]
    assert {name: entry["rank"] for name, entry in header["modules"].items()} == controller.ranks()
    assert header["modules"]["bert.encoder.layer.0.intermediate.dense"]["shape"] == [24, 16]
    assert header["trained"] == {"classifier.weight": [3, 16], "classifier.bias": [3]}
    assert set(load_file(tmp_path / "adapter.safetensors")) == {
        *(f"{name}.{factor}" for name in header["modules"] for factor in ("P", "lam", "Q", "mask")),
        *header["trained"],
    }


def test_saving_without_controller_leaves_no_stale_one(run, tmp_path):
    _, model, controller = run
    adalora.save(model, tmp_path, controller)
    assert len(contents(tmp_path)) == 4
    adalora.save(model, tmp_path)
    assert sorted(contents(tmp_path)) == ["adapter.json", "adapter.safetensors"]


def poisoned(folder):
    tensors = load_file(folder / "adapter.safetensors")
    key = next(key for key in tensors if key.endswith(".Q"))
    tensors[key][0, 0] = torch.nan
    save_file(tensors, folder / "adapter.safetensors", {"save_id": header(folder)["save_id"]})


def header(folder):
    return json.loads((folder / "adapter.json").read_text())


def truncated(folder):
    path = folder / "adapter.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def pickled(folder):
    torch.save({"a": torch.zeros(2)}, folder / "adapter.safetensors")


def edited(change):
    def damage(folder):
        value = header(folder)
        change(value)
        (folder / "adapter.json").write_text(json.dumps(value))

    return damage


def without_a_tensor(folder):
    tensors = load_file(folder / "adapter.safetensors")
    del tensors[next(key for key in tensors if key.endswith(".lam"))]
    save_file(tensors, folder / "adapter.safetensors", {"save_id": header(folder)["save_id"]})


DAMAGES = [
    (poisoned, r"tensor 'bert.*\.Q' has a NaN or an infinite value"),
    (truncated, r"adapter\.safetensors is truncated or not a safetensors file"),
    (pickled, r"adapter\.safetensors is truncated or not a safetensors file"),
    (without_a_tensor, r"does not hold what adapter.json promises: bert.*lam: \(4,\) saved, absent here"),
    (
        lambda folder: (folder / "adapter.safetensors").unlink(),
        "safetensors does not exist; the folder is incomplete",
    ),
    (lambda folder: (folder / "adapter.json").unlink(), "adapter.json does not exist; give a folder that"),
    (lambda folder: (folder / "adapter.json").write_text("{"), "cannot be read as JSON"),
    (lambda folder: (folder / "adapter.json").write_text("[1]"), "holds a list where an object is expected"),
    (
        edited(lambda value: value.update(version=99)),
        "version 99; this adalora reads format 'adalora', version 1",
    ),
    (edited(lambda value: value.update(save_id="x")), "come from two different saves"),
    (edited(lambda value: value["config"].update(rank=0)), "is damaged: rank is 0; allowed"),
    (edited(lambda value: value.pop("modules")), "is damaged: 'modules'"),
    (edited(lambda value: value["config"].update(colour=1)), "is damaged: .*colour"),
    (edited(lambda value: value["modules"].update(x={})), "is damaged: 'shape'"),
    (
        edited(lambda value: value["modules"].update(x={"shape": [1], "rank": 1})),
        "shape .1. should have 2 sizes",
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
        (gpt2, r"belongs to another model \(unnamed\); 10 names or shapes differ, first: bert"),
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

    def full(value):
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


def test_files_of_two_saves_are_not_mixed(run, tmp_path):
    base, model, controller = run
    adalora.save(model, tmp_path / "one", controller)
    adalora.save(model, tmp_path / "two", controller)
    shutil.copy(tmp_path / "one/controller.safetensors", tmp_path / "two/controller.safetensors")
    twin = adalora.inject(copy.deepcopy(base), ADAPTER)
    fresh = AdaLoRAController(twin, ALLOCATION)
    before = state(twin)
    with pytest.raises(adalora.CheckpointError, match="two different saves"):
        adalora.load(twin, tmp_path / "two", fresh)
    assert_unchanged(twin, before)
    assert fresh.step == 0


def test_saving_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(adalora.StateError, match="no adapter named 'default'; it has: none"):
        adalora.save(bert(), tmp_path / "x")
    assert not (tmp_path / "x").exists()
