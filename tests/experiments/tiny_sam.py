"""A SAM 3 of random weights, small enough to train in a test, and LoveDA's layout to train it on."""

import torch
from transformers import Sam3Config, Sam3Model

from experiments.segmenter import Segmenter
from experiments.tasks.loveda import CLASSES
from tests.experiments import tiny

SIZE, HIDDEN = 32, 32
PROMPTS = [[4 + number] * 3 for number in range(len(CLASSES))]  # by hand: no tokenizer is needed

# Layers that the loss does not reach, and those too narrow for any rank worth the name.
SPARED = [
    "geometry_encoder",
    "text_encoder.text_projection",
    "box_head",
    "box_rpb_embed_x",
    "box_rpb_embed_y",
]
SPARED += ["presence_head.layer3"]


def config():
    # With the usual deviation of 0.02 so small a model hands hardly any signal on.
    width = {"hidden_size": HIDDEN, "num_attention_heads": 4, "initializer_range": 0.1}
    wide = {**width, "intermediate_size": 48}
    vit = {
        **wide,
        "model_type": "sam3_vit_model",
        "num_hidden_layers": 2,
        "image_size": SIZE,
        "patch_size": 4,
        "window_size": 4,
        "global_attn_indexes": [1],
        "pretrain_image_size": 16,
    }
    clip = {
        **wide,
        "model_type": "clip_text_model",
        "vocab_size": 16,
        "projection_dim": 16,
        "num_hidden_layers": 2,
        "max_position_embeddings": 16,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "pad_token_id": 0,
    }
    vision = {
        "backbone_config": vit,
        "fpn_hidden_size": HIDDEN,
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        "initializer_range": 0.1,
    }
    return Sam3Config(
        vision_config=vision,
        text_config=clip,
        geometry_encoder_config={**wide, "num_layers": 1},
        detr_encoder_config={**wide, "num_layers": 2},
        detr_decoder_config={**wide, "num_layers": 2, "num_queries": 5},
        mask_decoder_config={**width, "num_upsampling_stages": 3},
        initializer_range=0.1,
    )


def segmenter(seed=0):
    torch.manual_seed(seed)
    ids = torch.tensor(PROMPTS)
    return Segmenter(Sam3Model(config()), ids, torch.ones_like(ids))


def save(folder):
    torch.manual_seed(0)
    Sam3Model(config()).save_pretrained(folder)
    tiny.save_tokenizer(folder, [*tiny.SPECIAL, *CLASSES])
