"""Exports that cannot be: a clear error, the model as it was, and no file touched."""

import copy

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForMaskedLM

import adalora
from adalora import AdapterConfig
from tests.adalora.interchange.peft_side import (
    WRITTEN,
    assert_near,
    assert_unchanged,
    contents,
    in_peft,
    move,
    run,
    snapshot,
)

X = [torch.linspace(-2, 2, 24).reshape(4, 6)]


def plain():
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6)).requires_grad_(False)


def model_of(*names, **changes):
    model = plain()
    for name in names:
        adalora.inject(
            model, AdapterConfig(**{"rank": 2, "target_modules": ["0", "2"], **changes}), name=name
        )
        move(model, name)
    return model


def refuses(model, folder, error, message, *args, **kwargs):
    before, there = snapshot(model), contents(folder)
    with pytest.raises(error, match=message):
        adalora.export_peft(model, folder, *args, **kwargs)
    assert_unchanged(model, before)
    assert contents(folder) == there


def test_several_active_adapters_need_a_name_or_weights(tmp_path):
    model = model_of("first", "second")
    refuses(model, tmp_path / "new", adalora.StateError, r"(?s)first, second.*name=.*combine")
    adalora.export_peft(model, tmp_path / "named", "first")
    adalora.export_peft(model, tmp_path / "weighted", {"first": 1.0, "second": 1.0})


def test_no_active_adapter_is_no_adapter_to_export(tmp_path):
    model = adalora.set_adapter(model_of("first"), [])
    refuses(model, tmp_path / "new", adalora.StateError, "active|first")
    refuses(plain(), tmp_path / "new", adalora.StateError, "no adapter|inject|none")


@pytest.mark.parametrize("name", ["third", {"first": 1.0, "third": 1.0}])
def test_an_unknown_name_is_told_with_those_that_are_there(name, tmp_path):
    refuses(
        model_of("first", "second"), tmp_path / "new", adalora.StateError, r"(?s)'third'.*first, second", name
    )


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), "half", None])
def test_a_weight_is_a_finite_number(weight, tmp_path):
    model = model_of("first", "second")
    refuses(
        model, tmp_path / "new", adalora.ConfigError, "(?s)'first'.*finite", {"first": weight, "second": 1.0}
    )


def test_no_weights_at_all_are_refused(tmp_path):
    refuses(model_of("first", "second"), tmp_path / "new", adalora.ConfigError, "name.*weights", {})


@pytest.mark.parametrize("fold", ["right", "", None, 1])
def test_fold_is_left_or_even(fold, tmp_path):
    refuses(model_of("first"), tmp_path / "new", adalora.ConfigError, r"(?s)fold.*left.*even", fold=fold)


@pytest.mark.parametrize("weights", [{"first": 0.5, "second": 0.5}, {"first": 1.0, "second": 1.0}])
def test_a_combination_with_dora_is_refused(weights, tmp_path):
    model = model_of("first")
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["2"], dora=True), name="second")
    refuses(model, tmp_path / "new", adalora.ConfigError, r"(?s)second.*DoRA|DoRA.*second", weights)


def test_a_layer_that_hangs_in_two_places_is_refused(tmp_path):
    # peft would put its LoRA in the first of them alone.
    shared = nn.Linear(6, 6)
    model = nn.Sequential(shared, nn.Tanh(), shared)
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["0"]))
    move(model)
    refuses(model, tmp_path / "new", adalora.TargetError, "(?s)'0'.*'2'|'2'.*'0'")


def test_nothing_left_is_nothing_to_export(tmp_path):
    model = model_of("first")
    for layer in adalora.adapters(model).values():
        layer.update.keep_(torch.zeros(2, dtype=torch.bool))
    refuses(model, tmp_path / "new", adalora.StateError, "(?s)first|rank")
    refuses(model, tmp_path / "new", adalora.StateError, "(?s)first|rank", {"first": 2.0})


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "README.md", "adapter_model.safetensors", "adapter.json", "sub/inner.txt", ".hidden"],
)
def test_a_folder_that_holds_something_else_is_left_alone(name, tmp_path):
    path = tmp_path / "folder" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    refuses(
        model_of("first"),
        tmp_path / "folder",
        adalora.CheckpointError,
        r"(?s)folder.*holds.*adapter_config\.json",
    )


def test_a_folder_of_our_own_format_is_something_else_too(tmp_path):
    model = model_of("first")
    adalora.save(model, tmp_path, name="first")
    refuses(model, tmp_path, adalora.CheckpointError, r"holds.*adapter_config\.json")


def test_a_file_in_the_place_of_the_folder_is_left_alone(tmp_path):
    path = tmp_path / "taken"
    path.write_text("mine")
    model = model_of("first")
    before = snapshot(model)
    for place in (path, path / "below"):
        with pytest.raises(adalora.CheckpointError, match="taken"):
            adalora.export_peft(model, place)
    assert path.read_text() == "mine"
    assert_unchanged(model, before)


def test_a_refusal_leaves_an_earlier_export_whole(tmp_path):
    model = model_of("first")
    adalora.export_peft(model, tmp_path)
    refuses(model, tmp_path, adalora.StateError, "'third'", "third")
    refuses(model, tmp_path, adalora.ConfigError, "fold", fold="right")
    dilated = nn.Sequential(nn.Conv1d(2, 3, 3, dilation=2))
    adalora.inject(dilated, AdapterConfig(rank=1, target_modules=["0"]))
    refuses(dilated, tmp_path, adalora.TargetError, "(?s)'0'.*dilation")


def test_an_adapter_that_is_not_healthy_is_not_written(tmp_path):
    model = model_of("first")
    adalora.export_peft(model, tmp_path)
    model[0].update.P.data[0, 0] = torch.nan
    refuses(model, tmp_path, adalora.CheckpointError, r"(?s)'0.*NaN")


def test_an_empty_folder_and_an_earlier_export_are_written_to(tmp_path):
    base, first = plain(), model_of("first")
    adalora.export_peft(first, tmp_path)
    assert sorted(contents(tmp_path)) == WRITTEN
    config = AdapterConfig(rank=3, target_modules=["2"], init="gaussian")
    second = adalora.inject(copy.deepcopy(base), config)
    move(second)
    adalora.export_peft(second, tmp_path)
    assert sorted(contents(tmp_path)) == WRITTEN
    assert_near(run(in_peft(base, tmp_path), X), run(second, X))


def test_files_of_others_beside_an_earlier_export_stay(tmp_path):
    model = model_of("first")
    adalora.export_peft(model, tmp_path)
    (tmp_path / "tokenizer.json").write_text("mine")
    exported = adalora.export_peft(model, tmp_path)
    assert (tmp_path / "tokenizer.json").read_text() == "mine"
    assert sorted(exported.files) == WRITTEN


def test_the_card_says_how_to_load_the_folder_and_names_no_path(tmp_path):
    adalora.export_peft(model_of("first"), tmp_path / "folder")
    card = (tmp_path / "folder" / "README.md").read_text()
    assert "PeftModel.from_pretrained" in card
    assert "library_name: peft" in card
    assert str(tmp_path) not in card


def test_a_head_that_shares_its_weight_would_be_parted(tmp_path):
    config = BertConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        tie_word_embeddings=True,
    )
    model = BertForMaskedLM(config)
    settings = AdapterConfig(rank=2, target_modules=["query"], train_modules=["cls"])
    adalora.inject(model, settings)
    message = (
        "'cls.predictions.decoder', which shares its weight with .*; the copy that peft makes of it would"
    )
    refuses(model, tmp_path / "folder", adalora.TargetError, message)
