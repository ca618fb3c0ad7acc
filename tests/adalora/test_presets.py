"""Each word names the modules it should, on a tiny model of every type that has a preset."""

import re
from types import MappingProxyType

import pytest
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.pytorch_utils import Conv1D

from adalora import AdapterConfig, ConfigError, TargetError, adapters, inject
from adalora.presets import PRESETS, WORDS, preset
from tests import families
from tests.families import FAMILIES, RELATIVES, tiny

DEFAULTS = {name: family.build for name, family in {**FAMILIES, **RELATIVES}.items()}
# Models of the same types with modules that the plain ones lack.
VARIANTS = {
    "bert, a decoder": tiny(
        "bert", AutoModelForCausalLM, {**families.ENCODER, "is_decoder": True, "add_cross_attention": True}
    ),
    "roberta, for tokens": tiny("roberta", AutoModelForTokenClassification, families.ENCODER),
    "deberta-v2, positions apart": lambda: FAMILIES["deberta-v2"].build(share_att_key=False),
    "gpt2, with cross attention": lambda: FAMILIES["gpt2"].build(add_cross_attention=True),
    "qwen3_moe, a dense layer": lambda: FAMILIES["qwen3_moe"].build(mlp_only_layers=[0]),
    "t5, gated": lambda: FAMILIES["t5"].build(feed_forward_proj="gated-gelu"),
    "bart, a classifier": tiny("bart", AutoModelForSequenceClassification, families.BART),
    "opt, narrow embeddings": lambda: RELATIVES["opt"].build(word_embed_proj_dim=8),
}
MODELS = {**DEFAULTS, **VARIANTS}

# Matched modules that lie in no repeated block.
OUTSIDE = MappingProxyType(
    {"sam3": {f"mask_decoder.prompt_cross_attn.{letter}_proj" for letter in "qkvo"}}  # one attention, alone
)


def adaptable(model):
    """Names of linear layers and of fused experts, the latter as if they were modules."""
    for name, module in model.named_modules():
        if type(module) in (nn.Linear, Conv1D):
            yield name
        elif name.endswith(".experts"):
            yield from (f"{name}.{part}" for part, value in module.named_parameters() if value.ndim == 3)


def blocks(model):
    """Prefixes of the repeated blocks: members of a list that hold further modules."""
    lists = {name: module for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    return tuple(
        f"{name}.{number}."
        for name, members in lists.items()
        for number, member in members.named_children()
        if any(True for _ in member.children())
    )


@pytest.fixture(params=MODELS)
def case(request):
    model = MODELS[request.param]()
    names = {name for name, _ in model.named_modules()} | set(adaptable(model))
    found = {
        word: {name for name in names if re.fullmatch(preset(model.config.model_type, word), name)}
        for word in WORDS
    }
    return request.param, model, found


def test_words_name_adaptable_modules_only(case):
    _, model, found = case
    for names in found.values():
        assert names
        assert names <= set(adaptable(model))


def test_words_fit_together(case):
    _, _, found = case
    assert found["query-value"] <= found["attention"]
    assert not found["attention"] & found["feed-forward"]


def test_words_name_all_of_every_block_and_nothing_else(case):
    name, model, found = case
    repeated = blocks(model)
    inside = {name for name in adaptable(model) if name.startswith(repeated)}
    assert found["attention"] | found["feed-forward"] == inside | OUTSIDE.get(name, set())


@pytest.mark.parametrize(
    ("model", "word", "endings"),
    [
        ("bert", "query-value", "query value"),
        ("bert", "attention", "query key value attention.output.dense"),
        ("bert", "feed-forward", "intermediate.dense 0.output.dense 1.output.dense"),
        (
            "bert, a decoder",
            "attention",
            "query key value attention.output.dense crossattention.output.dense",
        ),
        ("deberta-v2, positions apart", "query-value", "query_proj value_proj"),
        ("gpt2", "query-value", "c_attn"),
        ("gpt2, with cross attention", "query-value", "c_attn q_attn"),
        ("phi3", "query-value", "qkv_proj"),
        ("gpt_neox", "query-value", "query_key_value"),
        ("t5", "query-value", "q v"),
        ("t5, gated", "feed-forward", "wi_0 wi_1 wo"),
        ("mixtral", "feed-forward", "experts.gate_up_proj experts.down_proj"),
        (
            "qwen3_moe, a dense layer",
            "feed-forward",
            "experts.gate_up_proj experts.down_proj 0.mlp.gate_proj 0.mlp.up_proj 0.mlp.down_proj",
        ),
        ("sam3", "query-value", "q_proj v_proj"),
        ("sam3", "feed-forward", "fc1 fc2"),
    ],
)
def test_what_a_word_means(model, word, endings):
    built = MODELS[model]()
    pattern = preset(built.config.model_type, word)
    found = [name for name in adaptable(built) if re.fullmatch(pattern, name)]
    wanted = tuple("." + ending for ending in endings.split())
    assert found == [name for name in adaptable(built) if name.endswith(wanted)]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("model", ["bert", "gpt2", "sam3"])
def test_a_configuration_takes_the_pattern(model, word):
    built = MODELS[model]()
    pattern = preset(model, word)
    wanted = [name for name in adaptable(built) if re.fullmatch(pattern, name)]
    assert list(adapters(inject(built, AdapterConfig(rank=2, target_modules=pattern)))) == wanted


def test_a_part_of_a_model_can_be_left_out():
    config = AdapterConfig(
        rank=2, target_modules=preset("gemma3", "attention"), exclude_modules=["vision_tower"]
    )
    names = list(adapters(inject(FAMILIES["gemma3"].build(), config)))
    assert len(names) == 8
    assert all(".language_model." in name for name in names)


def test_every_preset_is_tried_and_every_family_has_one():
    assert set(PRESETS) == set(DEFAULTS)
    assert list(PRESETS) == sorted(PRESETS)


def test_an_unknown_type_is_told_what_to_do():
    message = "model type 'mamba'; allowed are .*bert, .*Take 'all-linear' or the names of modules"
    with pytest.raises(TargetError, match=message):
        preset("mamba", "attention")


def test_an_unknown_word_is_told_the_words():
    with pytest.raises(
        ConfigError, match=r"word is 'queries'; allowed: 'query-value' or 'attention' or 'feed-forward'"
    ):
        preset("bert", "queries")
