"""Which modules a configuration names."""

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from adalora import AdapterConfig, inject
from adalora.targets import adaptable_shapes, find_targets, has_suffix, is_under
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
