"""A tiny model of every family that takes bottlenecks or trained tokens, with weights large enough to tell apart."""

import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    OPTConfig,
    OPTForCausalLM,
    RobertaConfig,
    RobertaForSequenceClassification,
)

WORDS, WIDTH, LAYERS, POSITIONS = 40, 16, 3, 64
_IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
_BERT = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": POSITIONS,
    "num_labels": 2,
    "pad_token_id": 0,
}
_DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 8,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
    "type_vocab_size": 0,
    "conv_kernel_size": 3,
    "conv_act": "gelu",
}
_GPT2 = {
    "vocab_size": WORDS,
    "n_positions": POSITIONS,
    "n_embd": WIDTH,
    "n_layer": LAYERS,
    "n_head": 2,
    **_IDS,
}
_LLAMA = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "intermediate_size": 24,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    **_IDS,
}
_OPT = {
    "vocab_size": WORDS,
    "hidden_size": WIDTH,
    "word_embed_proj_dim": WIDTH,
    "ffn_dim": 24,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "max_position_embeddings": POSITIONS,
    **_IDS,
}
_BART = {
    "vocab_size": WORDS,
    "d_model": WIDTH,
    "encoder_layers": LAYERS,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "max_position_embeddings": POSITIONS,
    "decoder_start_token_id": 3,
    "forced_eos_token_id": None,
    **_IDS,
}
MODELS = {
    "bert": lambda: BertForSequenceClassification(BertConfig(**_BERT)),
    "roberta": lambda: RobertaForSequenceClassification(RobertaConfig(**_BERT)),
    "deberta-v2": lambda: DebertaV2ForSequenceClassification(DebertaV2Config(**_BERT | _DEBERTA)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**_GPT2)),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**_LLAMA)),
    "opt": lambda: OPTForCausalLM(OPTConfig(**_OPT)),
    "bart": lambda: BartForConditionalGeneration(BartConfig(**_BART)),
}
WRITERS = ("gpt2", "llama", "opt")
CLASSIFIERS = {
    "gpt2": lambda: GPT2ForSequenceClassification(GPT2Config(**_GPT2)),
    "llama": lambda: LlamaForSequenceClassification(LlamaConfig(**_LLAMA)),
}


def made(make, seed=0):
    """Return a model whose weights are far from zero, so that what goes wrong shows."""
    torch.manual_seed(seed)
    model = make().eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.normal_(std=0.3)
    return model


def text(rows=2, length=6, seed=1):
    """Return words of which none is special."""
    return torch.randint(4, WORDS, (rows, length), generator=torch.Generator().manual_seed(seed))
