"""Whole folders that `peft` has made: LoRA, rsLoRA, DoRA and AdaLoRA on 12 layers of four layouts."""

import copy

import pytest
import torch
from peft import AdaLoraConfig, LoraConfig, PeftModel

import adalora
from tests.adalora.interchange.layouts import LAYOUTS
from tests.adalora.interchange.peft_side import (
    assert_near,
    in_peft,
    is_transposed,
    made_by_peft,
    peft_ranks,
    run,
    saved_by_peft,
    settings,
    told,
)

METHODS = {"LoRA": {}, "rsLoRA": {"use_rslora": True}, "DoRA": {"use_dora": True}}


def made(layout, folder, targets=None, **changes):
    base = layout.build()
    config = {"r": 3, "lora_alpha": 5, "target_modules": list(targets or layout.targets), **changes}
    theirs = made_by_peft(base, LoraConfig(fan_in_fan_out=is_transposed(base), **config), size=0.15)
    saved_by_peft(theirs, folder)
    return base, theirs


def assert_same(base, theirs, folder, layout):
    batch = layout.batch()
    expected = run(theirs, batch)
    assert (expected - run(base, batch)).abs().max() > 1e-2
    ours = adalora.import_peft(copy.deepcopy(base), folder).eval()
    assert_near(run(ours, batch), expected)
    return ours


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_twelve_layers_of_peft_give_the_same_logits(layout, method, tmp_path):
    base, theirs = made(layout, tmp_path, **METHODS[method])
    ours = assert_same(base, theirs, tmp_path, layout)
    assert adalora.adapters(ours).keys() == peft_ranks(theirs).keys()
    assert {layer.rank for layer in adalora.adapters(ours).values()} == {3}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_patterns_tell_layer_1_from_layer_11(layout, tmp_path):
    last = layout.targets[0]
    rank_pattern = {rf"(.*\.)?1\.(.*\.)?{last}": 5, rf"(.*\.)?11\.(.*\.)?{last}": 1}
    alpha_pattern = {rf"(.*\.)?11\.(.*\.)?{last}": 9, last: 2}
    changes = {"rank_pattern": rank_pattern, "alpha_pattern": alpha_pattern, "use_rslora": True}
    base, theirs = made(layout, tmp_path, **changes)
    ours = assert_same(base, theirs, tmp_path, layout)
    ranks = {name: layer.rank for name, layer in adalora.adapters(ours).items()}
    assert ranks == peft_ranks(theirs)
    assert set(ranks.values()) == {1, 3, 5}


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "t5"])
def test_embeddings_of_peft_give_the_same_logits(name, tmp_path):
    layout = LAYOUTS[name]
    embedding = {"bert": "word_embeddings", "gpt2": "wte", "llama": "embed_tokens", "t5": "shared"}[name]
    base, theirs = made(layout, tmp_path, [embedding, layout.targets[0]])
    assert_same(base, theirs, tmp_path, layout)


def test_a_head_trained_by_peft_comes_along_and_trains(tmp_path):
    layout = LAYOUTS["bert"]
    base, theirs = made(layout, tmp_path, ["query", "value"], modules_to_save=["classifier"])
    ours = assert_same(base, theirs, tmp_path, layout)
    assert ours.classifier.weight.requires_grad
    assert not torch.equal(ours.classifier.weight, base.classifier.weight)
    adalora.save(ours, tmp_path / "ours")
    loaded = adalora.load(copy.deepcopy(base), tmp_path / "ours")
    assert torch.equal(run(loaded, layout.batch()), run(ours, layout.batch()))


def test_a_head_that_the_task_type_adds_comes_along(tmp_path):
    layout = LAYOUTS["bert"]
    base, theirs = made(layout, tmp_path, ["query", "value"], task_type="SEQ_CLS")
    assert settings(tmp_path)["modules_to_save"]
    assert_same(base, theirs, tmp_path, layout)


def test_a_head_of_a_second_folder_is_a_copy_of_its_own(tmp_path):
    layout = LAYOUTS["bert"]
    base, first = made(layout, tmp_path / "a", ["query"], modules_to_save=["classifier"])
    other = made_by_peft(
        base, LoraConfig(r=2, target_modules=["value"], modules_to_save=["classifier"]), seed=9
    )
    saved_by_peft(other, tmp_path / "b")
    model = adalora.import_peft(copy.deepcopy(base), tmp_path / "a", name="a")
    adalora.import_peft(model, tmp_path / "b", name="b").eval()
    batch = layout.batch()
    for name, theirs in (("a", first), ("b", other)):
        assert_near(run(adalora.set_adapter(model, name), batch), run(theirs, batch))


def test_targets_by_pattern_and_all_linear_are_read(tmp_path):
    layout = LAYOUTS["llama"]
    for number, targets in enumerate([r".*layers\.(1|11)\.mlp\.\w+_proj", "all-linear"]):
        folder = tmp_path / str(number)
        base = layout.build()
        theirs = made_by_peft(base, LoraConfig(r=2, target_modules=targets))
        saved_by_peft(theirs, folder)
        ours = assert_same(base, theirs, folder, layout)
        assert adalora.adapters(ours).keys() == peft_ranks(theirs).keys()


def test_layers_chosen_by_number_are_read(tmp_path):
    layout = LAYOUTS["llama"]
    base, theirs = made(
        layout, tmp_path, ["q_proj", "down_proj"], layers_to_transform=[1, 11], layers_pattern="layers"
    )
    ours = assert_same(base, theirs, tmp_path, layout)
    assert adalora.adapters(ours).keys() == peft_ranks(theirs).keys()
    assert len(peft_ranks(theirs)) == 4


def trained_adalora(layout, folder, last_step):
    """Let peft train and prune; three steps of ten are the final phase."""
    base = layout.build()
    schedule = {
        "init_r": 4,
        "target_r": 1,
        "lora_alpha": 6,
        "tinit": 1,
        "tfinal": 3,
        "deltaT": 2,
        "total_step": 10,
    }
    config = AdaLoraConfig(target_modules=list(layout.parts), fan_in_fan_out=is_transposed(base), **schedule)
    model = made_by_peft(base, config)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-2)
    batch = layout.batch()
    for step in range(1, last_step + 1):
        with told():
            out = model(**batch)
        out.logits.square().mean().backward()
        optimizer.step()
        model.base_model.update_and_allocate(step)
        optimizer.zero_grad()
    return base, saved_by_peft(model, folder)


@pytest.mark.parametrize("last_step", [9, 5, 1], ids=["finished", "in the middle", "before it prunes"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_adalora_that_peft_has_trained_gives_the_same_logits(layout, last_step, tmp_path):
    base, folder = trained_adalora(layout, tmp_path, last_step)
    pattern = settings(folder)["rank_pattern"]
    assert (pattern is not None) is (last_step > 1)
    with told():
        theirs = PeftModel.from_pretrained(copy.deepcopy(base), str(folder)).eval()
    ours = assert_same(base, theirs, folder, layout)
    ranks = {name: layer.update.rank for name, layer in adalora.adapters(ours).items()}
    assert all(isinstance(layer.update, adalora.SVDUpdate) for layer in adalora.adapters(ours).values())
    if pattern is None:
        assert set(ranks.values()) == {4}
    else:
        kept = {key.removesuffix(".lora_E"): sum(flags) for key, flags in pattern.items()}
        assert {name: ranks.get(name, 0) for name in kept} == kept
        assert len(set(kept.values())) > 2


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_adalora_of_peft_becomes_plain_lora_of_peft(name, tmp_path):
    layout = LAYOUTS[name]
    base, folder = trained_adalora(layout, tmp_path / "adalora", 9)
    ours = adalora.import_peft(copy.deepcopy(base), folder).eval()
    exported = adalora.export_peft(ours, tmp_path / "lora")
    assert settings(tmp_path / "lora")["peft_type"] == "LORA"
    assert 0 in exported.ranks.values()
    with told():
        theirs = PeftModel.from_pretrained(copy.deepcopy(base), str(folder)).eval()
    assert_near(run(in_peft(base, tmp_path / "lora"), layout.batch()), run(theirs, layout.batch()))
