"""Folders for another base: the first differences are told, and the model stays as it was."""

import copy

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralExperts

import adalora
from tests.adalora.interchange.peft_side import (
    LAYERS,
    TENSORS,
    made_by_peft,
    plain,
    refuses_to_import,
    saved_by_peft,
)
from tests.layer_cases import Holder, experts


def stack(width=8, classes=5):
    layers = [nn.Linear(6, width), nn.Tanh(), nn.Linear(width, 6), nn.Tanh(), nn.Linear(6, classes)]
    return nn.Sequential(*layers).eval()


def first(layer):
    return nn.Sequential(layer, *stack()[1:])


OTHERS = {
    "wider": (lambda: stack(width=9), r"(?s)another.*\b0\b.*\(8, 6\).*\(9, 6\)"),
    "shorter": (lambda: stack()[:2], r"(?s)another.*\b2\b"),
    "other names": (lambda: Holder(nn.Linear(6, 8)), r"(?s)another.*\b0\b"),
    "a norm": (lambda: first(nn.LayerNorm(6)), r"(?s)another.*\b0\b"),
    "another head": (lambda: stack(classes=4), r"(?s)another.*4\.weight.*\(5, 6\).*\(4, 6\)"),
    "no head": (lambda: stack()[:4], r"(?s)another.*\b4\b"),
    # Their weights have the shape of the matrix, and mean something else.
    "a convolution": (lambda: first(nn.Conv1d(6, 8, 1)), r"\b0\b"),
    "an embedding": (lambda: first(nn.Embedding(6, 8)), r"\b0\b"),
}


@pytest.mark.parametrize(("build", "message"), OTHERS.values(), ids=OTHERS)
def test_another_base_is_told_by_the_first_differences(build, message, tmp_path):
    config = LoraConfig(r=2, target_modules=["0", "2"], modules_to_save=["4"])
    folder = saved_by_peft(made_by_peft(stack(), config), tmp_path)
    refuses_to_import(folder, adalora.CheckpointError, message, build())


def test_another_base_of_many_modules_is_told_in_few_words(tmp_path):
    base = nn.Sequential(*[nn.Linear(6, 6) for _ in range(40)])
    folder = saved_by_peft(made_by_peft(base, LoraConfig(r=1, target_modules=r"\d+")), tmp_path)
    other = nn.Sequential(*[nn.Linear(7, 7) for _ in range(40)])
    with pytest.raises(adalora.CheckpointError, match=r"\b40\b") as caught:
        adalora.import_peft(other, folder)
    assert len(str(caught.value)) < 1200


def fewer_experts():
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 6, "num_local_experts": 3}
    return experts(MixtralExperts, MixtralConfig(**sizes))()


# What a folder is of, and what it is read onto, under the same name.
PAIRS = {
    "a linear layer onto attention": (lambda: nn.Linear(8, 8), lambda: nn.MultiheadAttention(8, 2)),
    "a narrow linear layer onto attention": (lambda: nn.Linear(8, 2), lambda: nn.MultiheadAttention(8, 2)),
    "attention onto a linear layer": (lambda: nn.MultiheadAttention(8, 2), lambda: nn.Linear(8, 24)),
    "attention onto wider attention": (
        lambda: nn.MultiheadAttention(8, 2),
        lambda: nn.MultiheadAttention(12, 2),
    ),
    "a convolution onto groups": (lambda: nn.Conv1d(4, 6, 3), lambda: nn.Conv1d(4, 6, 3, groups=2)),
    "a convolution onto a linear layer": (lambda: nn.Conv1d(4, 6, 1), lambda: nn.Linear(4, 6)),
    "a convolution onto another kernel": (lambda: nn.Conv1d(4, 6, 3), lambda: nn.Conv1d(4, 6, 5)),
    "an embedding onto a linear layer": (lambda: nn.Embedding(10, 6), lambda: nn.Linear(10, 6)),
    "a linear layer onto experts": (lambda: nn.Linear(8, 6), LAYERS["experts, Mixtral"].build),
}


@pytest.mark.parametrize(("saved", "here"), PAIRS.values(), ids=PAIRS)
def test_another_type_of_layer_under_the_same_name_is_another_base(saved, here, tmp_path):
    theirs = made_by_peft(Holder(saved()), LoraConfig(r=3, target_modules=["layer"]))
    folder = saved_by_peft(theirs, tmp_path)
    refuses_to_import(folder, adalora.CheckpointError, r"\blayer\b", Holder(here()))


@pytest.mark.parametrize(
    "build", [fewer_experts, lambda: nn.Linear(8, 6)], ids=["fewer experts", "a linear layer"]
)
def test_experts_are_of_another_base_where_they_are_others(build, tmp_path):
    config = LoraConfig(r=2, target_modules=[], target_parameters=["layer.gate_up_proj", "layer.down_proj"])
    folder = saved_by_peft(made_by_peft(plain(LAYERS["experts, Mixtral"]), config), tmp_path)
    refuses_to_import(folder, adalora.CheckpointError, r"\blayer\b", Holder(build()))


def test_a_magnitude_of_another_size_is_told(tmp_path):
    base = stack()
    folder = saved_by_peft(
        made_by_peft(base, LoraConfig(r=2, target_modules=["0", "2"], use_dora=True)), tmp_path
    )
    tensors = load_file(folder / TENSORS)
    tensors["base_model.model.2.lora_magnitude_vector"] = torch.ones(7)
    save_file(tensors, folder / TENSORS)
    refuses_to_import(folder, adalora.CheckpointError, r"\b2\b", copy.deepcopy(base))
