"""Which modules a configuration names."""

import pytest
import torch
from torch import nn
from transformers import T5Config, T5ForConditionalGeneration

from adalora import AdapterConfig, TargetError, inject
from adalora.candidates import has_suffix, is_under
from adalora.targets import adaptable_shapes, find_targets, survey
from tests.families import FAMILIES
from tests.models import bert, gpt2


def names(model, **settings):
    return [target.names[0] for target in find_targets(model, AdapterConfig(**settings))]


@pytest.mark.parametrize(
    ("name", "suffix", "expected"),
    [
        ("encoder.layer.1.output.dense", "output.dense", True),
        ("encoder.layer.1.output.dense", "dense", True),
        ("encoder.layer.11.output", "1.output", False),
        ("encoder.my_dense", "dense", False),
        ("dense", "dense", True),
    ],
)
def test_suffixes_match_whole_components(name, suffix, expected):
    assert has_suffix(name, suffix) is expected


def test_a_module_is_under_a_suffix_of_its_own_or_of_an_ancestor():
    assert is_under("bert.pooler.dense", ["pooler"])
    assert is_under("classifier", ["classifier"])
    assert not is_under("bert.encoder.dense", ["pooler", "dens"])


def test_all_linear_leaves_out_the_output_embeddings():
    found = names(gpt2(), target_modules="all-linear")
    assert found == [
        f"transformer.h.{layer}.{part}"
        for layer in range(2)
        for part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    ]
    assert names(gpt2(), target_modules=["lm_head"]) == ["lm_head"]


def test_a_pattern_must_match_the_whole_name():
    assert names(bert(), target_modules=r".*layer\.1\..*query") == [
        "bert.encoder.layer.1.attention.self.query"
    ]


def test_twelve_layers_are_not_confused():
    found = names(bert(layers=12), target_modules=["layer.1.attention.self.query"])
    assert found == ["bert.encoder.layer.1.attention.self.query"]


def test_shapes_are_those_of_the_plain_layers_before_and_after():
    model = gpt2()
    before = adaptable_shapes(model)
    assert before["transformer.h.0.attn.c_attn"] == (48, 16)
    inject(model, AdapterConfig(rank=2, target_modules=["c_attn"]))
    assert adaptable_shapes(model) == before


def test_a_model_that_reads_its_layers_attributes_still_runs():
    config = T5Config(
        vocab_size=30, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    model = inject(
        T5ForConditionalGeneration(config), AdapterConfig(rank=2, target_modules=["q", "v", "wi", "wo"])
    )
    ids = torch.randint(30, (2, 5))
    model(input_ids=ids, labels=ids).loss.backward()  # T5 looks at wo.weight.dtype
    assert len(find_targets(model, AdapterConfig(target_modules=["wo"]))) == 4


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["attention"], ["q_proj", "k_proj", "v_proj", "out_proj"]),
        (["attention.v_proj", "k_proj"], ["k_proj", "v_proj"]),
        (r"attention\.[qv]_proj", ["q_proj", "v_proj"]),
        ("all-linear", ["q_proj", "k_proj", "v_proj", "out_proj"]),
    ],
)
def test_the_matrices_of_an_attention_are_named_alone_or_together(wanted, expected):
    model = nn.ModuleDict({"attention": nn.MultiheadAttention(8, 2)})
    assert names(model, target_modules=wanted, rank=2) == [f"attention.{part}" for part in expected]
    assert type(model["attention"]) is nn.MultiheadAttention, "looking changes nothing"


def test_all_linear_means_experts_too():
    found = names(FAMILIES["mixtral"].build(), target_modules="all-linear", rank=2)
    assert {name.rpartition(".")[2] for name in found} == {
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj"),
    }
    assert names(FAMILIES["mixtral"].build(), target_modules=["mlp.experts"], rank=2)[0].endswith(
        "gate_up_proj"
    )


def test_a_suffix_that_also_names_a_layer_nobody_knows_is_an_error():
    model = nn.ModuleDict(
        {"a": nn.ModuleDict({"out": nn.Linear(3, 3)}), "b": nn.ModuleDict({"out": nn.Bilinear(3, 3, 3)})}
    )
    with pytest.raises(
        TargetError, match=r"'out' matches 'b.out' of type Bilinear, .* supported types: Linear, .*Embedding"
    ):
        names(model, target_modules=["out"])
    assert names(model, target_modules=["a.out"]) == ["a.out"]
    assert names(model, target_modules=".*out") == ["a.out"], "a pattern may match more than it means"


def test_what_is_too_small_for_the_rank_is_left_out_of_all_linear_and_told():
    def build():
        return nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2), nn.Linear(1, 8))

    config = AdapterConfig(rank=4)
    assert names(build(), rank=4) == ["0"]
    assert [target.names for target in survey(build(), config).small] == [["1"], ["2"]]
    with pytest.warns(
        UserWarning, match=r"'all-linear' leaves out 2 layers .* rank 4 and stay frozen: 1 \(2, 8\), 2"
    ):
        model = inject(build(), config)
    assert type(model[1]) is nn.Linear
    inject(build(), AdapterConfig(rank=4, exclude_modules=["1", "2"]))  # known, so nothing is said
    with pytest.raises(TargetError, match=r"rank is 9; allowed for '0' of shape \(8, 8\): 1 to 8"):
        inject(build(), AdapterConfig(rank=9))


def test_a_module_under_two_names_is_adapted_or_spared_in_both_places():
    shared = nn.Linear(4, 4)
    model = nn.ModuleDict({"one": shared, "two": shared, "other": nn.Linear(4, 4)})
    (target,) = find_targets(model, AdapterConfig(rank=2, target_modules=["two"]))
    assert target.names == ["one", "two"]
    assert names(model, rank=2, exclude_modules=["one"]) == ["other"]
