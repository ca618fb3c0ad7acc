"""Whole models for `peft`: 12 layers of four layouts, names that are suffixes of each other, heads, several adapters."""

import copy

import pytest
import torch
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.adalora.interchange.layouts import LAYOUTS, adapted
from tests.adalora.interchange.peft_side import (
    TENSORS,
    assert_near,
    contents,
    in_peft,
    merged_in_peft,
    move,
    peft_ranks,
    run,
    settings,
)

X = [torch.linspace(-2, 2, 24).reshape(4, 6)]


@pytest.mark.parametrize("pad", [False, True], ids=["as it is", "padded"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_twelve_layers_of_different_ranks_give_the_same_logits(layout, pad, tmp_path):
    base, model = adapted(layout)
    exported = adalora.export_peft(model, tmp_path, pad=pad, fold="even" if pad else "left")
    ranks = {name: layer.rank for name, layer in adalora.adapters(model).items()}
    assert exported.ranks == ranks
    assert len(set(ranks.values())) == 5
    assert any(".1." in name for name in ranks)
    assert any(".11." in name for name in ranks)
    theirs = in_peft(base, tmp_path)
    there = {name: rank for name, rank in ranks.items() if rank}
    assert peft_ranks(theirs) == (dict.fromkeys(there, 4) if pad else there)
    batch, expected = layout.batch(), run(model, layout.batch())
    assert (expected - run(base, batch)).abs().max() > 1e-2
    assert_near(run(theirs, batch), expected)
    assert_near(run(merged_in_peft(theirs), batch), expected)
    assert_near(run(adalora.import_peft(copy.deepcopy(base), tmp_path), batch), expected)


@pytest.mark.parametrize("update", ["svd", "lora"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_twelve_layers_with_dora_give_the_same_logits(layout, update, tmp_path):
    base, model = adapted(layout, update, dora=True)
    adalora.export_peft(model, tmp_path)
    assert settings(tmp_path)["use_dora"] is True
    batch, expected = layout.batch(), run(model, layout.batch())
    assert_near(run(in_peft(base, tmp_path), batch), expected)
    assert_near(run(adalora.import_peft(copy.deepcopy(base), tmp_path), batch), expected)


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_fan_in_fan_out_follows_the_layers(name, tmp_path):
    _, model = adapted(LAYOUTS[name], "lora")
    adalora.export_peft(model, tmp_path)
    assert settings(tmp_path)["fan_in_fan_out"] is (name == "gpt2")


class Nested(nn.Module):
    """Names that end in each other, and that a dot of a regular expression would take for each other."""

    def __init__(self):
        super().__init__()
        self.up = nn.Linear(6, 6)
        self.inner_up = nn.Linear(6, 6)
        self.inner = nn.ModuleDict({"up": nn.Linear(6, 6), "inner": nn.ModuleDict({"up": nn.Linear(6, 6)})})
        self.block = nn.ModuleList([nn.Linear(6, 6) for _ in range(12)])

    def forward(self, x):
        for layer in (self.up, self.inner_up, self.inner["up"], self.inner["inner"]["up"], *self.block):
            x = x + torch.tanh(layer(x))
        return x


NESTED = ["up", "inner_up", "inner.up", "inner.inner.up", "block.1", "block.11"]


def nested(ranks):
    torch.manual_seed(2)
    base = Nested().requires_grad_(False)
    pattern = "|".join(name.replace(".", r"\.") for name in NESTED)
    config = AdapterConfig(rank=5, target_modules=pattern, init="gaussian")
    model = adalora.inject(copy.deepcopy(base), config)
    move(model)
    for name, layer in adalora.adapters(model).items():
        layer.update.keep_(torch.arange(5) < ranks[name])
    return base, model


@pytest.mark.parametrize("first", range(6))
def test_names_that_are_suffixes_of_each_other_are_not_confused(first, tmp_path):
    ranks = {name: (first + place) % 6 for place, name in enumerate(NESTED)}
    base, model = nested(ranks)
    assert adalora.export_peft(model, tmp_path).ranks == ranks
    theirs = in_peft(base, tmp_path)
    there = {name: rank for name, rank in ranks.items() if rank}
    assert peft_ranks(theirs) == there
    assert_near(run(theirs, X), run(model, X))
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    assert {name: layer.rank for name, layer in adalora.adapters(ours).items()} == there
    assert_near(run(ours, X), run(model, X))


@pytest.mark.parametrize("kept", NESTED)
def test_one_module_is_adapted_where_its_name_ends_another_that_is_left_out(kept, tmp_path):
    for pad in (False, True):
        base, model = nested({name: 2 if name == kept else 0 for name in NESTED})
        adalora.export_peft(model, tmp_path, pad=pad)
        assert peft_ranks(in_peft(base, tmp_path)) == {kept: 2}
        ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
        assert list(adalora.adapters(ours)) == [kept]
        assert_near(run(ours, X), run(model, X))


def several(**second):
    """Return a model with two adapters of different kind, rank and place, and its base."""
    torch.manual_seed(4)
    base = nn.Sequential(
        nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 5)
    ).requires_grad_(False)
    model = copy.deepcopy(base)
    adalora.inject(model, AdapterConfig(rank=3, target_modules=["0", "2"], init="gaussian"), name="svd")
    config = {"update": "lora", "rank": 2, "alpha": 5.0, "target_modules": ["2", "4"], **second}
    adalora.inject(model, AdapterConfig(**config), name="lora")
    for name in ("svd", "lora"):
        move(model, name)
    adalora.adapters(model)["2"].named_updates()["svd"].keep_(torch.tensor([True, False, True]))
    return base, model


@pytest.mark.parametrize("name", ["svd", "lora"])
def test_a_named_adapter_is_exported_whichever_is_active(name, tmp_path):
    base, model = several()
    expected = run(adalora.set_adapter(model, name), X)
    adalora.set_adapter(model, "lora" if name == "svd" else "svd")
    active = adalora.adapters(model)["2"].active
    adalora.export_peft(model, tmp_path / "named", name)
    assert adalora.adapters(model)["2"].active == active
    adalora.set_adapter(model, name)
    exported = adalora.export_peft(model, tmp_path / "active")
    assert exported.ranks == ({"0": 3, "2": 2} if name == "svd" else {"2": 2, "4": 2})
    for folder in ("named", "active"):
        assert_near(run(in_peft(base, tmp_path / folder), X), expected)
    tensors = [contents(tmp_path / folder)[TENSORS] for folder in ("named", "active")]
    assert tensors[0] == tensors[1]


@pytest.mark.parametrize("init", ["kaiming", "pissa"])
@pytest.mark.parametrize("fold", ["left", "even"])
@pytest.mark.parametrize("weights", [{"svd": 1.0, "lora": 1.0}, {"svd": 0.25, "lora": -2.0}, {"lora": 0.5}])
def test_a_weighted_combination_is_exact(weights, fold, init, tmp_path):
    base, model = several(init=init)
    exported = adalora.export_peft(model, tmp_path, weights, fold=fold)
    expected = run(adalora.set_adapter(model, weights), X)
    theirs = in_peft(base, tmp_path)
    assert_near(run(theirs, X), expected)
    lora = 4 if init == "pissa" else 2
    both = {"0": 3, "2": 2 + lora, "4": lora} if "svd" in weights else {"2": lora, "4": lora}
    assert peft_ranks(theirs) == both
    assert exported.ranks.keys() == both.keys()
    assert_near(run(merged_in_peft(theirs), X), expected)


def test_an_adapter_beside_one_from_singular_vectors_is_exported_alone(tmp_path):
    base, model = several(init="pissa")
    adalora.export_peft(model, tmp_path, "svd")
    assert_near(run(in_peft(base, tmp_path), X), run(adalora.set_adapter(model, "svd"), X))
