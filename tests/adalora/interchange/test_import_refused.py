"""Folders that cannot be imported: a clear error, and model and folder as they were."""

import json

import pytest
import torch
from peft import AdaLoraConfig, IA3Config, LoraConfig
from safetensors.torch import load_file, save_file
from torch import nn

import adalora
from adalora import AdapterConfig
from tests.adalora.interchange.peft_side import (
    CONFIG,
    TENSORS,
    made_by_peft,
    refuses_to_import,
    saved_by_peft,
    settings,
)


def stack():
    layers = [nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 5)]
    return nn.Sequential(*layers).eval()  # its parameters train, which an error must leave so


@pytest.fixture
def folder(tmp_path):
    config = LoraConfig(r=2, target_modules=["0", "2"], modules_to_save=["4"])
    return saved_by_peft(made_by_peft(stack(), config), tmp_path / "folder")


@pytest.fixture
def adalora_folder(tmp_path):
    config = AdaLoraConfig(init_r=4, target_r=2, total_step=10, target_modules=["0", "2"])
    return saved_by_peft(made_by_peft(stack(), config), tmp_path / "adalora")


def edit(folder, **changes):
    (folder / CONFIG).write_text(json.dumps({**settings(folder), **changes}))


@pytest.mark.parametrize("kind", ["IA3", "LOHA", "lora", None, 3])
def test_an_unsupported_kind_is_refused_with_those_that_are_read(folder, kind):
    edit(folder, peft_type=kind)
    refuses_to_import(folder, adalora.CheckpointError, rf"(?s)peft_type.*{kind}.*LORA, ADALORA", stack())


def test_a_folder_of_another_method_is_refused(tmp_path):
    theirs = made_by_peft(stack(), IA3Config(target_modules=["0"], feedforward_modules=[]))
    refuses_to_import(
        saved_by_peft(theirs, tmp_path), adalora.CheckpointError, r"(?s)IA3.*LORA, ADALORA", stack()
    )


SETTINGS = [
    ({"bias": "all"}, "(?s)bias.*'all'.*none"),
    ({"bias": "lora_only"}, "(?s)bias.*'lora_only'.*none"),
    ({"lora_bias": True}, "(?s)lora_bias.*True.*(?i:false)"),
    ({"use_qalora": True}, "(?s)use_qalora.*True"),
    ({"layer_replication": [[0, 2], [1, 3]]}, "(?s)layer_replication.*0, 2"),
    ({"alora_invocation_tokens": [1, 2]}, "(?s)alora_invocation_tokens.*1, 2"),
    ({"trainable_token_indices": [7]}, "(?s)trainable_token_indices.*7"),
    ({"trainable_token_indices": {"wte": [7]}}, "(?s)trainable_token_indices.*wte"),
    ({"velora_config": {"num_groups": 4}}, "velora_config"),
    ({"kasa_config": {"beta": 1e-4}}, "kasa_config"),
    ({"use_bdlora": {"nblocks": 2}}, "use_bdlora"),
    ({"arrow_config": {"arrow_top_k": 2}}, "arrow_config"),
    ({"monteclora_config": {"sigma": 1.0}}, "monteclora_config"),
    ({"use_time_travel": True}, "(?s)use_time_travel.*True"),
    ({"use_time_travel": "a little"}, "(?s)use_time_travel.*a little"),
    ({"use_time_travel": 1.5}, "(?s)use_time_travel.*1.5"),
    *(({"init_lora_weights": start}, f"(?s)init_lora_weights.*{start}") for start in
      ("pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga")),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), SETTINGS, ids=lambda value: str(value)[:40])
def test_a_setting_that_would_change_what_the_numbers_mean_is_named(folder, changes, message):
    edit(folder, **changes)
    refuses_to_import(folder, adalora.CheckpointError, message, stack())
    refuses_to_import(folder, adalora.CheckpointError, r"allowed", stack())


@pytest.mark.parametrize(("changes", "message"), [row for row in SETTINGS if "init_lora_weights" not in row[0]],
                         ids=lambda value: str(value)[:40])  # fmt: skip
def test_so_it_is_in_a_folder_of_adalora(adalora_folder, changes, message):
    edit(adalora_folder, **changes)
    refuses_to_import(adalora_folder, adalora.CheckpointError, message, stack())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora_alpha": "much"}, "(?s)lora_alpha.*much"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"alpha_pattern": {"0": "much"}}, "(?s)alpha.*much"),
        ({"alpha_pattern": {"(": 3}}, "(?s)alpha_pattern.*unterminated"),
        ({"alpha_pattern": [3]}, "alpha_pattern"),
        ({"alpha_pattern": {"0": float("nan")}}, "(?s)alpha_pattern.*nan is no finite number"),
        ({"alpha_pattern": {"0": 1e45}}, "(?s)alpha_pattern.*no finite number"),
        ({"alpha_pattern": {"((0+)+)+!": 3}}, "(?s)alpha_pattern.*repeats a group"),
        ({"modules_to_save": 4}, "modules_to_save"),
        ({"use_dora": True}, "(?s)magnitude|dora"),
        ({"lora_dropout": 2.0}, "(?s)dropout.*2"),
    ],
    ids=str,
)
def test_a_damaged_setting_is_named(folder, changes, message):
    edit(folder, **changes)
    refuses_to_import(folder, adalora.CheckpointError, message, stack())


@pytest.mark.parametrize("changes", [{"init_r": "much"}, {"lora_alpha": "much"}], ids=str)
def test_a_damaged_setting_of_adalora_is_named(adalora_folder, changes):
    edit(adalora_folder, **changes)
    refuses_to_import(adalora_folder, adalora.CheckpointError, next(iter(changes)), stack())


def rewritten(change):
    def damage(folder):
        tensors = load_file(folder / TENSORS)
        change(tensors)
        save_file(tensors, folder / TENSORS)

    return damage


def truncated(folder):
    path = folder / TENSORS
    path.write_bytes(path.read_bytes()[:-100])


def pickled(folder):
    torch.save(load_file(folder / TENSORS), folder / "adapter_model.bin")
    (folder / TENSORS).unlink()


A, B, HEAD = (
    "base_model.model.0.lora_A.weight",
    "base_model.model.2.lora_B.weight",
    "base_model.model.4.weight",
)
DAMAGES = {
    "no tensors": (lambda folder: (folder / TENSORS).unlink(), TENSORS),
    "a pickle": (pickled, r"(?s)adapter_model\.bin.*pickle|pickle.*adapter_model\.bin"),
    "truncated": (truncated, "truncated"),
    "empty": (lambda folder: (folder / TENSORS).write_bytes(b""), TENSORS),
    "not safetensors": (lambda folder: (folder / TENSORS).write_text("hello"), TENSORS),
    "no settings": (lambda folder: (folder / CONFIG).unlink(), CONFIG),
    "no JSON": (lambda folder: (folder / CONFIG).write_text("{"), CONFIG),
    "a list": (lambda folder: (folder / CONFIG).write_text("[1]"), CONFIG),
    "NaN": (rewritten(lambda tensors: tensors[A].fill_(torch.nan)), r"(?s)0\.lora_A.*NaN"),
    "infinite": (rewritten(lambda tensors: tensors[B].fill_(torch.inf)), r"(?s)2\.lora_B.*(NaN|infinite)"),
    "NaN in the head": (rewritten(lambda tensors: tensors[HEAD].fill_(torch.nan)), r"(?s)4\.weight.*NaN"),
    "half a product": (rewritten(lambda tensors: tensors.pop(A)), r"\b0\b"),
    "no product": (rewritten(lambda tensors: [tensors.pop(key) for key in list(tensors) if "lora" in key]), "no factor"),
    "another rank": (rewritten(lambda tensors: tensors.update({A: torch.zeros(3, 6)})), r"\b0\b"),
    "three dimensions": (rewritten(lambda tensors: tensors.update({A: torch.zeros(2, 6, 1)})), r"\b0\b"),
    "an unknown tensor": (rewritten(lambda tensors: tensors.update(extra=torch.zeros(1))), "extra"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_files_are_named(folder, damage, message):
    damage(folder)
    refuses_to_import(folder, adalora.CheckpointError, message, stack())


ADALORA_DAMAGES = {
    "no values": rewritten(lambda tensors: tensors.pop("base_model.model.0.lora_E")),
    "another number of values": rewritten(
        lambda tensors: tensors.update({"base_model.model.0.lora_E": torch.ones(3, 1)})
    ),
    "NaN": rewritten(lambda tensors: tensors["base_model.model.0.lora_E"].fill_(torch.nan)),
}


@pytest.mark.parametrize("damage", ADALORA_DAMAGES.values(), ids=ADALORA_DAMAGES)
def test_damaged_files_of_adalora_are_named(adalora_folder, damage):
    damage(adalora_folder)
    refuses_to_import(adalora_folder, adalora.CheckpointError, r"\b0\b", stack())


def test_a_folder_that_is_not_there_is_told(tmp_path):
    refuses_to_import(tmp_path / "nowhere", adalora.CheckpointError, "nowhere", stack())


def test_a_folder_of_our_own_is_told(tmp_path):
    model = adalora.inject(stack(), AdapterConfig(rank=2, target_modules=["0"]))
    adalora.save(model, tmp_path)
    refuses_to_import(tmp_path, adalora.CheckpointError, CONFIG, stack())


def test_a_name_in_use_is_refused(folder):
    model = adalora.inject(stack(), AdapterConfig(rank=2, target_modules=["0"]))
    refuses_to_import(folder, adalora.StateError, "'default'", model)


@pytest.mark.parametrize("name", ["", "a.b", "keys", "a b"])
def test_a_name_that_cannot_be_is_refused(folder, name):
    refuses_to_import(folder, adalora.ConfigError, "name", stack(), name=name)


def test_a_merged_model_is_refused(folder):
    model = adalora.inject(stack(), AdapterConfig(rank=2, target_modules=["0"]))
    adalora.merge_(model)
    refuses_to_import(folder, adalora.StateError, "merged", model, name="other")


def test_a_model_that_is_one_layer_is_refused(folder):
    refuses_to_import(folder, adalora.AdaLoRAError, r"Linear|\b0\b", nn.Linear(6, 8))
