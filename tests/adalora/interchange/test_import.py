"""Folders that `peft` has made for one layer of every type: the same outputs here, and what becomes trainable."""

import copy
import json

import pytest
import torch
from peft import AdaLoraConfig, LoraConfig
from safetensors.torch import load_file, save_file
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.adalora.interchange.peft_side import (
    CONFIG,
    LAYERS,
    NEVER,
    TENSORS,
    assert_near,
    assert_unchanged,
    in_peft,
    inputs_of,
    made_by_peft,
    move,
    plain,
    run,
    saved_by_peft,
    settings,
    snapshot,
)

METHODS = {
    "LoRA": {},
    "rsLoRA": {"use_rslora": True},
    "DoRA": {"use_dora": True},
    "LoRA, gaussian": {"init_lora_weights": "gaussian", "lora_dropout": 0.3},
}


def grouped(name):
    return "groups" in name or "depthwise" in name


def cases():
    for method in METHODS:
        for name, case in LAYERS.items():
            dora = method == "DoRA"
            if (
                name in NEVER
                or dora > case.dora
                or name.startswith(("experts", "attention"))
                or grouped(name)
            ):
                continue
            yield pytest.param(method, name, id=f"{method}, {name}")


def folder_of(name, folder, **changes):
    case = LAYERS[name]
    base = plain(case)
    rank = 4 if grouped(name) else 3  # peft wants a multiple of the groups
    config = {
        "r": rank,
        "lora_alpha": 5,
        "target_modules": ["layer"],
        "fan_in_fan_out": name == "Conv1D",
        **changes,
    }
    theirs = made_by_peft(base, LoraConfig(**config))
    saved_by_peft(theirs, folder)
    return case, base, theirs


@pytest.mark.parametrize(("method", "name"), list(cases()))
def test_a_layer_of_peft_gives_the_same_outputs_here(method, name, tmp_path):
    case, base, theirs = folder_of(name, tmp_path, **METHODS[method])
    inputs = inputs_of(case, dora=method == "DoRA")
    expected = run(theirs, inputs)
    assert (expected - run(base, inputs)).abs().max() > 1e-2
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path).eval()
    assert_near(run(ours, inputs), expected)
    for layer in adalora.adapters(ours).values():
        assert isinstance(layer.update, adalora.LoRAUpdate)
        assert (len(layer.magnitudes) == 1) is (method == "DoRA")
        assert layer.rank == 3


@pytest.mark.parametrize("name", ["attention, packed", "attention, values alone"])
def test_attention_of_peft_is_read_but_for_an_output_projection_that_it_counts_twice(name, tmp_path):
    case, base, theirs = folder_of(name, tmp_path)
    before = snapshot(base)
    with pytest.raises(adalora.CheckpointError, match=r"layer\.out_proj.*twice"):
        adalora.import_peft(base, tmp_path)
    assert_unchanged(base, before)
    theirs.base_model.model.layer.base_layer.out_proj.lora_B["default"].weight.data.zero_()
    saved_by_peft(theirs, tmp_path)
    inputs = inputs_of(case)
    assert_near(run(adalora.import_peft(copy.deepcopy(base), tmp_path), inputs), run(theirs, inputs))


@pytest.mark.parametrize("name", [name for name in LAYERS if grouped(name) and name not in NEVER])
def test_filters_of_peft_that_see_other_groups_are_refused(name, tmp_path):
    _, base, _ = folder_of(name, tmp_path)
    before = snapshot(base)
    with pytest.raises(adalora.CheckpointError, match=r"(?s)layer.*groups"):
        adalora.import_peft(base, tmp_path)
    assert_unchanged(base, before)


@pytest.mark.parametrize("name", [name for name in NEVER if not name.startswith("attention")])
def test_convolutions_that_peft_computes_in_another_way_are_refused(name, tmp_path):
    _, base, _ = folder_of(name, tmp_path)
    before = snapshot(base)
    with pytest.raises(adalora.CheckpointError, match=rf"(?s)layer.*({NEVER[name]})"):
        adalora.import_peft(base, tmp_path)
    assert_unchanged(base, before)


@pytest.mark.parametrize("name", ["experts, Mixtral", "experts, Qwen3-MoE", "experts, GPT-OSS"])
@pytest.mark.parametrize(
    "parameters", [["gate_up_proj"], ["down_proj"], ["gate_up_proj", "down_proj"]], ids=str
)
def test_experts_of_peft_give_the_same_outputs_here(name, parameters, tmp_path):
    case = LAYERS[name]
    base = plain(case)
    config = LoraConfig(
        r=2, lora_alpha=5, target_modules=[], target_parameters=[f"layer.{one}" for one in parameters]
    )
    theirs = made_by_peft(base, config)
    saved_by_peft(theirs, tmp_path)
    inputs = inputs_of(case)
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    assert_near(run(ours, inputs), run(theirs, inputs))
    assert set(adalora.adapters(ours)) == {f"layer.{one}" for one in parameters}


@pytest.mark.parametrize("name", ["linear", "linear, no bias", "Conv1D", "conv2d", "conv2d, pointwise"])
def test_adalora_of_peft_comes_as_triplets(name, tmp_path):
    case = LAYERS[name]
    base = plain(case)
    config = AdaLoraConfig(init_r=4, target_r=2, lora_alpha=6, total_step=10, target_modules=["layer"],
                           fan_in_fan_out=name == "Conv1D")  # fmt: skip
    theirs = made_by_peft(base, config)
    saved_by_peft(theirs, tmp_path)
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    (layer,) = adalora.adapters(ours).values()
    assert isinstance(layer.update, adalora.SVDUpdate)
    assert layer.rank == 4
    assert_near(run(ours, inputs_of(case)), run(theirs, inputs_of(case)))


def stack():
    torch.manual_seed(6)
    layers = [nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 5)]
    return nn.Sequential(*layers).requires_grad_(False).eval()


X = [torch.linspace(-2, 2, 24).reshape(4, 6)]


def lora_folder(folder, **changes):
    base = stack()
    theirs = made_by_peft(base, LoraConfig(**{"r": 2, "target_modules": ["0", "2"], **changes}))
    saved_by_peft(theirs, folder)
    return base, theirs


def edited(folder, **changes):
    config = settings(folder)
    config.update(changes)
    (folder / CONFIG).write_text(json.dumps(config))


@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize(
    ("rank_pattern", "alpha_pattern"),
    [
        ({"2": 4}, {}),
        ({}, {"^2": 32}),
        ({"0": 1, "4": 3}, {"4": 1, "[02]": 7}),
        ({".*": 3, "2": 1}, {"2|4": 2}),
    ],
    ids=str,
)
def test_patterns_of_ranks_and_alphas_mean_what_they_mean_in_peft(
    rank_pattern, alpha_pattern, rslora, tmp_path
):
    changes = {"rank_pattern": rank_pattern, "alpha_pattern": alpha_pattern, "use_rslora": rslora}
    base, theirs = lora_folder(tmp_path, target_modules=["0", "2", "4"], **changes)
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    modules = dict(theirs.base_model.model.named_children())
    for name, layer in adalora.adapters(ours).items():
        assert layer.rank == modules[name].r["default"]
        torch.testing.assert_close(layer.delta_weight(), modules[name].get_delta_weight("default"))
    assert_near(run(ours, X), run(theirs, X))


def test_a_rank_above_what_another_module_can_have_is_no_obstacle(tmp_path):
    # Module 4 has five outputs, module 0 a rank of six.
    base, theirs = lora_folder(tmp_path, target_modules=["0", "4"], rank_pattern={"0": 6})
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    assert_near(run(ours, X), run(theirs, X))
    assert {name: layer.rank for name, layer in adalora.adapters(ours).items()} == {"0": 6, "4": 2}
    adalora.save(ours, tmp_path / "ours")
    assert torch.equal(run(adalora.load(copy.deepcopy(base), tmp_path / "ours"), X), run(ours, X))


@pytest.mark.parametrize("method", ["LoRA", "AdaLoRA"])
def test_a_rank_above_both_sides_of_a_matrix_is_no_obstacle(method, tmp_path):
    base = stack()
    if method == "LoRA":
        config = LoraConfig(r=12, lora_alpha=6, target_modules=["0", "4"])
    else:
        config = AdaLoraConfig(init_r=12, lora_alpha=6, total_step=10, target_modules=["0", "4"])
    theirs = made_by_peft(base, config)
    saved_by_peft(theirs, tmp_path)
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    assert_near(run(ours, X), run(theirs, X))


def test_a_nameless_folder_becomes_the_one_active_adapter_and_trains(tmp_path):
    base, _ = lora_folder(tmp_path, lora_dropout=0.25)
    ours = adalora.import_peft(base, tmp_path)
    assert ours is base
    for layer in adalora.adapters(ours).values():
        assert layer.active == {"default": 1.0}
        assert layer.update.dropout == 0.25
    trains = {name for name, p in ours.named_parameters() if p.requires_grad}
    assert trains == {f"{place}.updates.default.{factor}" for place in (0, 2) for factor in "AB"}
    optimizer = torch.optim.SGD([p for p in ours.parameters() if p.requires_grad], lr=0.1)
    before = run(ours.eval(), X)
    ours(*X).square().sum().backward()
    optimizer.step()
    assert not torch.equal(run(ours, X), before)


def test_a_second_adapter_comes_under_its_own_name(tmp_path):
    base, theirs = lora_folder(tmp_path)
    model = adalora.inject(
        copy.deepcopy(base), AdapterConfig(rank=3, target_modules=["2", "4"], init="gaussian")
    )
    move(model)
    alone = run(model, X)
    adalora.import_peft(model, tmp_path, name="theirs")
    assert_near(run(adalora.set_adapter(model, "theirs"), X), run(theirs, X))
    assert_near(run(adalora.set_adapter(model, "default"), X), alone)
    assert set(adalora.adapters(model)["2"].updates) == {"default", "theirs"}


def test_two_folders_come_side_by_side(tmp_path):
    base, first = lora_folder(tmp_path / "a")
    _, second = lora_folder(tmp_path / "b", r=3, use_rslora=True, target_modules=["2", "4"])
    model = adalora.import_peft(copy.deepcopy(base), tmp_path / "a", name="a")
    adalora.import_peft(model, tmp_path / "b", name="b")
    assert_near(run(adalora.set_adapter(model, "a"), X), run(first, X))
    assert_near(run(adalora.set_adapter(model, "b"), X), run(second, X))


def test_what_was_imported_saves_loads_and_exports(tmp_path):
    base, theirs = lora_folder(tmp_path / "peft", rank_pattern={"2": 4}, alpha_pattern={"0": 3})
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path / "peft")
    adalora.save(ours, tmp_path / "ours")
    loaded = adalora.load(copy.deepcopy(base), tmp_path / "ours")
    assert torch.equal(run(loaded, X), run(ours, X))
    adalora.export_peft(loaded, tmp_path / "back")
    assert_near(run(in_peft(base, tmp_path / "back"), X), run(theirs, X))


def test_the_random_generator_is_left_alone(tmp_path):
    base, _ = lora_folder(tmp_path)
    before = torch.get_rng_state()
    adalora.import_peft(base, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("off", [None, False, [], {}])
def test_an_unknown_setting_that_is_off_is_no_obstacle(off, tmp_path):
    base, theirs = lora_folder(tmp_path)
    edited(tmp_path, use_time_travel=off)
    assert_near(run(adalora.import_peft(base, tmp_path), X), run(theirs, X))


@pytest.mark.parametrize("init", [True, False, "gaussian", "eva", "orthogonal"])
def test_a_start_that_leaves_the_base_alone_is_no_obstacle(init, tmp_path):
    base, theirs = lora_folder(tmp_path)
    edited(tmp_path, init_lora_weights=init)
    assert_near(run(adalora.import_peft(base, tmp_path), X), run(theirs, X))


def test_a_folder_of_half_precision_is_read_in_float32(tmp_path):
    base, _ = lora_folder(tmp_path)
    halves = {key: tensor.bfloat16() for key, tensor in load_file(tmp_path / TENSORS).items()}
    save_file(halves, tmp_path / TENSORS)
    theirs = in_peft(base, tmp_path)
    ours = adalora.import_peft(copy.deepcopy(base), tmp_path)
    assert {p.dtype for p in ours.parameters()} == {torch.float32}
    assert_near(run(ours, X), run(theirs, X))


def test_a_combination_made_in_peft_is_read_too(tmp_path):
    base, theirs = lora_folder(tmp_path / "a")
    config = LoraConfig(r=3, lora_alpha=2, target_modules=["0", "2"], init_lora_weights=False)
    theirs.add_adapter("other", config)
    theirs.add_weighted_adapter(["default", "other"], [0.5, -1.5], "mixed", combination_type="cat")
    theirs.set_adapter("mixed")
    theirs.save_pretrained(str(tmp_path / "mixed"), selected_adapters=["mixed"])
    ours = adalora.import_peft(base, tmp_path / "mixed" / "mixed")
    assert_near(run(ours, X), run(theirs, X))
