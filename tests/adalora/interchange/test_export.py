"""A folder for `peft`: every layer, update and option that the format holds, and a refusal of every other one."""

import copy
import math

import bitsandbytes as bnb
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.adalora.interchange.peft_side import (
    ALPHA,
    LAYERS,
    NEVER,
    NOT_WITH_DORA,
    RANK,
    TENSORS,
    WRITTEN,
    adapted,
    assert_near,
    assert_unchanged,
    contents,
    defined,
    held,
    in_peft,
    inputs_of,
    merged_in_peft,
    move,
    peft_ranks,
    run,
    settings,
    snapshot,
)
from tests.layer_cases import Holder


def combinations(which):
    for update in ("svd", "lora"):
        for dora in (False, True):
            for name in which(dora):
                yield pytest.param(update, name, dora, id=f"{update}, {name}{', DoRA' if dora else ''}")


def refused(dora):
    return [name for name in defined(dora) if name not in held(dora)]


def mergeable(name):
    return "groups" not in name and "depthwise" not in name  # peft cannot merge grouped convolutions


@pytest.mark.parametrize(("update", "name", "dora"), list(combinations(held)))
def test_peft_and_we_read_back_what_was_exported(update, name, dora, tmp_path):
    case = LAYERS[name]
    base, model = adapted(case, update, dora=dora)
    inputs, before = inputs_of(case, dora), snapshot(model)
    expected = run(model, inputs)
    assert (expected - run(base, inputs)).abs().max() > 1e-2

    exported = adalora.export_peft(model, tmp_path / "folder")

    assert_unchanged(model, before)
    there = contents(tmp_path / "folder")
    assert sorted(there) == WRITTEN
    assert exported.files == {name: len(data) for name, data in there.items()}
    assert exported.ranks.keys() == adalora.adapters(model).keys()
    theirs = in_peft(base, tmp_path / "folder")
    assert_near(run(theirs, inputs), expected)
    if mergeable(name):
        assert_near(run(merged_in_peft(theirs), inputs), expected)
    ours = copy.deepcopy(base)
    assert adalora.import_peft(ours, tmp_path / "folder") is ours
    assert_near(run(ours, inputs), expected)
    assert all(isinstance(layer.update, adalora.LoRAUpdate) for layer in adalora.adapters(ours).values())


@pytest.mark.parametrize(("update", "name", "dora"), list(combinations(refused)))
def test_what_the_format_cannot_hold_is_refused_by_name_before_anything_is_written(
    update, name, dora, tmp_path
):
    _, model = adapted(LAYERS[name], update, dora=dora)
    before = snapshot(model)
    why = NEVER.get(name) or NOT_WITH_DORA[name]
    with pytest.raises(adalora.TargetError, match=rf"(?s)'layer(\..*)?'.*({why})|({why}).*'layer(\..*)?'"):
        adalora.export_peft(model, tmp_path / "folder")
    assert contents(tmp_path / "folder") is None
    assert_unchanged(model, before)


def test_every_layer_of_the_table_is_either_held_or_refused():
    for dora in (False, True):
        assert set(held(dora)) | set(refused(dora)) == set(defined(dora))
    assert {*NEVER, *NOT_WITH_DORA} <= set(LAYERS)


FOLDED = (
    "linear",
    "Conv1D",
    "conv2d",
    "conv2d, groups",
    "embedding",
    "attention, packed",
    "experts, Mixtral",
)


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("fold", ["left", "even"])
@pytest.mark.parametrize(
    ("name", "dora"), [(name, dora) for dora in (False, True) for name in FOLDED if name in held(dora)]
)
def test_both_folds_padded_or_not_say_the_same(name, dora, fold, pad, tmp_path):
    case = LAYERS[name]
    base, model = adapted(case, dora=dora)
    assert all((layer.update.lam < 0).any() for layer in adalora.adapters(model).values())
    exported = adalora.export_peft(model, tmp_path, fold=fold, pad=pad)
    assert exported.ranks.keys() == adalora.adapters(model).keys()
    assert_near(run(in_peft(base, tmp_path), inputs_of(case)), run(model, inputs_of(case)))
    config = settings(tmp_path)
    if pad:
        assert not config.get("rank_pattern")
        assert not config.get("alpha_pattern")


def three_layers(update="svd", **changes):
    torch.manual_seed(3)
    base = nn.Sequential(
        nn.Linear(8, 7), nn.Tanh(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 5)
    ).requires_grad_(False)
    config = {"rank": 4, "alpha": 6.0, "target_modules": ["0", "2", "4"], "init": "gaussian", **changes}
    model = adalora.inject(copy.deepcopy(base), AdapterConfig(update=update, **config))
    move(model)
    return base, model


def keep(model, **counts):
    for name, count in counts.items():
        update = adalora.adapters(model)[name.removeprefix("layer")].update
        update.keep_(torch.arange(len(update.mask)) < count)


@pytest.mark.parametrize("fold", ["left", "even"])
@pytest.mark.parametrize("scaling", ["lora", "rslora", "width"])
def test_the_scale_is_exact_though_ranks_differ(scaling, fold, tmp_path):
    base, model = three_layers(scaling=scaling)
    base, model = base.double(), model.double()
    keep(model, layer0=3, layer2=1, layer4=2)
    exported = adalora.export_peft(model, tmp_path, fold=fold)
    assert exported.ranks == {"0": 3, "2": 1, "4": 2}
    theirs = in_peft(base, tmp_path)
    assert peft_ranks(theirs) == exported.ranks
    x = [torch.randn(5, 8, dtype=torch.float64)]
    assert_near(run(theirs, x), run(model, x), 1e-12)


def test_lambda_goes_to_the_left_or_its_root_to_both_sides(tmp_path):
    _, model = three_layers()
    keep(model, layer0=3, layer2=2, layer4=2)
    adalora.export_peft(model, tmp_path / "left", fold="left")
    adalora.export_peft(model, tmp_path / "even", fold="even")
    left, even = (load_file(tmp_path / fold / TENSORS) for fold in ("left", "even"))
    for name, layer in adalora.adapters(model).items():
        mask, root = layer.update.mask, layer.update.lam.detach().abs().sqrt()
        key = f"base_model.model.{name}.lora_A.weight"
        torch.testing.assert_close(left[key], layer.update.Q.detach()[mask])
        rows = (root[:, None] * layer.update.Q.detach())[mask]
        torch.testing.assert_close(even[key].abs(), rows.abs())


def test_modules_of_rank_zero_are_left_out(tmp_path):
    base, model = three_layers()
    keep(model, layer0=2, layer2=0, layer4=1)
    exported = adalora.export_peft(model, tmp_path)
    assert exported.ranks == {"0": 2, "2": 0, "4": 1}
    assert not any(".2." in key for key in load_file(tmp_path / TENSORS))
    theirs = in_peft(base, tmp_path)
    assert peft_ranks(theirs) == {"0": 2, "4": 1}
    x = [torch.randn(5, 8)]
    assert_near(run(theirs, x), run(model, x))
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    assert {name: layer.rank for name, layer in adalora.adapters(ours).items()} == {"0": 2, "4": 1}
    assert_near(run(ours, x), run(model, x))


@pytest.mark.parametrize("pad", [False, True])
def test_a_magnitude_counts_where_no_triplet_is_left(pad, tmp_path):
    base, model = three_layers(dora=True)
    keep(model, layer0=2, layer2=0, layer4=0)
    exported = adalora.export_peft(model, tmp_path, pad=pad)
    assert exported.ranks == {"0": 2, "2": 0, "4": 0}
    assert len([key for key in load_file(tmp_path / TENSORS) if "magnitude" in key]) == 3
    theirs = in_peft(base, tmp_path)
    assert peft_ranks(theirs) == ({"0": 2, "2": 2, "4": 2} if pad else {"0": 2, "2": 1, "4": 1})
    x = [torch.randn(5, 8)]
    assert_near(run(theirs, x), run(model, x))
    assert_near(run(adalora.import_peft(copy.deepcopy(base), tmp_path), x), run(model, x))


def test_padding_gives_every_module_the_highest_kept_rank(tmp_path):
    base, model = three_layers()
    keep(model, layer0=1, layer2=3, layer4=2)
    exported = adalora.export_peft(model, tmp_path, pad=True)
    assert exported.ranks == {"0": 1, "2": 3, "4": 2}
    config = settings(tmp_path)
    assert config["r"] == 3
    assert not config["rank_pattern"]
    assert not config["alpha_pattern"]
    theirs = in_peft(base, tmp_path)
    assert peft_ranks(theirs) == {"0": 3, "2": 3, "4": 3}
    x = [torch.randn(5, 8)]
    assert_near(run(theirs, x), run(model, x))


@pytest.mark.parametrize("pad", [False, True])
def test_the_rank_of_grouped_convolutions_is_counted_for_every_group(pad, tmp_path):
    torch.manual_seed(0)
    layers = [
        nn.Conv1d(4, 6, 3, groups=2, padding=1),
        nn.Tanh(),
        nn.Conv1d(6, 9, 1, groups=3),
        nn.Conv1d(9, 5, 1),
    ]
    base = nn.Sequential(*layers).requires_grad_(False)
    config = AdapterConfig(rank=2, target_modules=["0", "2", "3"], init="gaussian")
    model = adalora.inject(copy.deepcopy(base), config)
    move(model)
    keep(model, layer2=1, layer3=1)
    assert adalora.export_peft(model, tmp_path, pad=pad).ranks == {"0": 2, "2": 1, "3": 1}
    theirs = in_peft(base, tmp_path)
    assert peft_ranks(theirs) == ({"0": 6, "2": 6, "3": 6} if pad else {"0": 4, "2": 3, "3": 1})
    x = [torch.randn(2, 4, 7)]
    assert_near(run(theirs, x), run(model, x))
    assert_near(run(adalora.import_peft(copy.deepcopy(base), tmp_path), x), run(model, x))


def test_triplets_that_train_on_between_two_budgets_are_exported_as_the_model_runs(tmp_path):
    base, model = three_layers()
    keep(model, layer0=1, layer2=1, layer4=1)
    for layer in adalora.adapters(model).values():
        layer.update.lam.data += 0.1
    adalora.export_peft(model, tmp_path)
    x = [torch.randn(5, 8)]
    assert_near(run(in_peft(base, tmp_path), x), run(model, x))


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("update", ["svd", "lora"])
@pytest.mark.parametrize("init", ["pissa", "milora"])
def test_a_start_from_singular_vectors_is_exported_against_the_original_base(init, update, dora, tmp_path):
    base, model = three_layers(update, init=init, rank=2, dora=dora)
    x = [torch.randn(5, 8)]
    exported = adalora.export_peft(model, tmp_path)
    theirs = in_peft(base, tmp_path)
    assert peft_ranks(theirs) == {"0": 4, "2": 4, "4": 4}
    assert exported.ranks.keys() == {"0", "2", "4"}
    assert_near(run(theirs, x), run(model, x))
    assert_near(run(adalora.import_peft(copy.deepcopy(base), tmp_path), x), run(model, x))


@pytest.mark.parametrize("update", ["svd", "lora"])
def test_an_adapter_on_a_quantised_base_is_exported_too(update, tmp_path):
    torch.manual_seed(7)
    base = Holder(nn.Linear(64, 64)).requires_grad_(False)
    adalora.quantize_(base, "nf4", double_quant=False, target_modules=["layer"])
    assert isinstance(base.layer, bnb.nn.Linear4bit)
    config = AdapterConfig(update=update, rank=RANK, alpha=ALPHA, target_modules=["layer"], init="gaussian")
    model = adalora.inject(copy.deepcopy(base), config)
    move(model)
    adalora.export_peft(model, tmp_path)
    x = [torch.randn(5, 64)]
    assert_near(run(in_peft(base, tmp_path), x), run(model, x))
    assert_near(run(adalora.import_peft(copy.deepcopy(base), tmp_path), x), run(model, x))


def test_the_result_is_frozen_and_its_ranks_and_bytes_are_numbers(tmp_path):
    _, model = three_layers()
    exported = adalora.export_peft(model, tmp_path)
    with pytest.raises(AttributeError):
        exported.ranks = {}
    assert all(type(number) is int for number in (*exported.files.values(), *exported.ranks.values()))
    tensors = load_file(tmp_path / TENSORS)
    assert exported.files[TENSORS] >= sum(4 * math.prod(tensor.shape) for tensor in tensors.values())


def test_a_merged_or_disabled_model_gives_the_same_files(tmp_path):
    _, model = three_layers()
    adalora.export_peft(model, tmp_path / "before")
    adalora.merge_(model)
    adalora.export_peft(model, tmp_path / "merged")
    adalora.unmerge_(model)
    with adalora.disabled(model):
        adalora.export_peft(model, tmp_path / "disabled")
    before = load_file(tmp_path / "before" / TENSORS)
    for other in ("merged", "disabled"):
        found = load_file(tmp_path / other / TENSORS)
        assert found.keys() == before.keys()
        assert all(torch.equal(found[key], tensor) for key, tensor in before.items())


def test_lambda_is_not_rounded_once_more_in_half_precision(tmp_path):
    torch.manual_seed(0)
    model = Holder(nn.MultiheadAttention(8, 2, batch_first=True))
    adalora.inject(model, AdapterConfig(rank=2, target_modules=["layer.q_proj", "layer.v_proj"]))
    for layer in adalora.adapters(model).values():
        for factor in layer.update.parameters():
            factor.data = (factor + torch.randn_like(factor)).bfloat16()
    adalora.export_peft(model, tmp_path)
    found = load_file(tmp_path / "adapter_model.safetensors")
    left, right = (found[f"base_model.model.layer.lora_{letter}.weight"] for letter in "BA")
    delta = (left @ right)[:8]
    update = model.layer.q_proj.update
    exact = update.scaling * (update.P.double() * update.lam.double()) @ update.Q.double()
    torch.testing.assert_close(delta.double(), exact, rtol=1e-5, atol=1e-5)
