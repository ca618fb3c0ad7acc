"""The models of the papers' tables, from their published shapes alone: no weights and no hub."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn
from transformers import (
    DebertaV2Config,
    DebertaV2Model,
    GPT2Config,
    GPT2LMHeadModel,
    OPTConfig,
    OPTForCausalLM,
    RobertaConfig,
    RobertaModel,
)


def _roberta(width: int, layers: int) -> nn.Module:
    config = RobertaConfig(
        vocab_size=50_265,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
        max_position_embeddings=514,
        type_vocab_size=1,
    )
    model: nn.Module = RobertaModel(config, add_pooling_layer=False)
    return model


def _deberta_xxl() -> nn.Module:
    config = DebertaV2Config(
        vocab_size=128_100,
        hidden_size=1536,
        num_hidden_layers=48,
        num_attention_heads=24,
        intermediate_size=6144,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_buckets=256,
        share_att_key=True,
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        type_vocab_size=0,
        conv_kernel_size=3,
        conv_act="gelu",
    )
    model: nn.Module = DebertaV2Model(config)
    return model


def _gpt2(width: int, layers: int) -> nn.Module:
    model: nn.Module = GPT2LMHeadModel(GPT2Config(n_embd=width, n_layer=layers, n_head=width // 64))
    return model


def _gpt3() -> nn.Module:
    """GPT-3 has no code of its own there; OPT repeats its layers, with a matrix for each of W_q, W_k, W_v."""
    config = OPTConfig(
        vocab_size=50_257,
        hidden_size=12_288,
        word_embed_proj_dim=12_288,
        num_hidden_layers=96,
        num_attention_heads=96,
        ffn_dim=49_152,
        max_position_embeddings=2048,
    )
    model: nn.Module = OPTForCausalLM(config)
    return model


LAYOUTS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "RoBERTa-base": lambda: _roberta(768, 12),
        "RoBERTa-large": lambda: _roberta(1024, 24),
        "DeBERTa-XXL": _deberta_xxl,
        "GPT-2 M": lambda: _gpt2(1024, 24),
        "GPT-2 L": lambda: _gpt2(1280, 36),
        "GPT-3 175B": _gpt3,
    }
)
