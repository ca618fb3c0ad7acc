"""One tiny random model of each supported family, with a batch and a loss that reach all its parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForImageTextToText,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForSpeechSeq2Seq,
)

Batch = dict[str, Any]
Settings = dict[str, Any]

VOCABULARY = 40
IMAGE_TOKEN = END_TOKEN = VOCABULARY - 1
LABELS = 3
SAMPLES, LENGTH = 4, 7
# Wider than the usual 0.02: at these sizes attention would be uniform and its gradients nearly zero.
WEIGHTS = 0.2


def own_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Return the loss that the model computes itself."""
    return model(**batch).loss


@dataclass(frozen=True)
class Family:
    """A tiny model of one `model_type` and what to run it on.

    Attributes:
        model_type: the name in the model's config.
        build: makes a model with random weights; keyword arguments replace settings of its config.
        batch: makes the keyword arguments of the model's forward, the same ones at each call.
        loss: (model, batch) -> a scalar in which all parts of the model take part.
        unreached: modules to which by the family's construction no gradient comes, with the reason.
    """

    model_type: str
    build: Callable[..., nn.Module]
    batch: Callable[[], Batch]
    loss: Callable[[nn.Module, Batch], Tensor] = own_loss
    unreached: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


# --- settings ---

WIDE: Settings = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "initializer_range": WEIGHTS,
}
TOWER: Settings = {**WIDE, "image_size": 8, "patch_size": 2}
SPECIAL: Settings = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
TEXT: Settings = {**WIDE, **SPECIAL, "vocab_size": VOCABULARY, "max_position_embeddings": 32}
TEXT_TOWER: Settings = {**TEXT, "eos_token_id": END_TOKEN, "projection_dim": 16}
ENCODER: Settings = {
    **TEXT,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "num_labels": LABELS,
}
DISTILBERT: Settings = {
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 32,
    "dim": 16,
    "hidden_dim": 24,
    "n_layers": 2,
    "n_heads": 2,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "seq_classif_dropout": 0.0,
    "initializer_range": WEIGHTS,
    "num_labels": LABELS,
}
# As DeBERTa V3 has it: the same two projections serve contents and positions.
RELATIVE: Settings = {
    "relative_attention": True,
    "position_buckets": 4,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
    "pooler_hidden_size": 16,
}
GPT2: Settings = {
    **SPECIAL,
    "vocab_size": VOCABULARY,
    "n_positions": 32,
    "n_embd": 16,
    "n_inner": 24,
    "n_layer": 2,
    "n_head": 2,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "initializer_range": WEIGHTS,
}
OPT: Settings = {**TEXT, "ffn_dim": 24, "word_embed_proj_dim": 16, "dropout": 0.0}
GROUPED: Settings = {**TEXT, "num_key_value_heads": 1, "head_dim": 8}
EXPERTS: Settings = {**GROUPED, "num_experts_per_tok": 2, "output_router_logits": True}
GPT_OSS: Settings = {
    **EXPERTS,
    "num_local_experts": 3,
    "sliding_window": 4,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}
GEMMA: Settings = {
    **GROUPED,
    "query_pre_attn_scalar": 8,
    "sliding_window": 4,
    "layer_types": ["sliding_attention", "full_attention"],
}
GEMMA_WITH_EYES: Settings = {
    "text_config": {**GEMMA, "model_type": "gemma3_text"},
    # Gemma takes the patches, not the summary of them that SigLIP's head makes.
    "vision_config": {**TOWER, "model_type": "siglip_vision_model", "vision_use_head": False},
    "mm_tokens_per_image": 4,
    "image_token_index": IMAGE_TOKEN,
    "boi_token_index": IMAGE_TOKEN - 1,
    "eoi_token_index": IMAGE_TOKEN - 1,
}
T5: Settings = {
    "vocab_size": VOCABULARY,
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 24,
    "num_layers": 2,
    "num_heads": 2,
    "dropout_rate": 0.0,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
}
TWO_STACKS: Settings = {
    **SPECIAL,
    "vocab_size": VOCABULARY,
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "dropout": 0.0,
    "init_std": WEIGHTS,
    "decoder_start_token_id": 1,
}
BART: Settings = {**TWO_STACKS, "max_position_embeddings": 32}
WHISPER: Settings = {**TWO_STACKS, "num_mel_bins": 4, "max_source_positions": 8, "max_target_positions": 16}
CLIP: Settings = {
    "text_config": TEXT_TOWER,
    "vision_config": {**TOWER, "projection_dim": 16},
    "projection_dim": 16,
}
PART: Settings = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "dropout": 0.0,
    "initializer_range": WEIGHTS,
}
LAYERS: Settings = {**PART, "intermediate_size": 24, "num_layers": 1}
SAM3: Settings = {
    "vision_config": {
        # One layer that looks through windows and one that sees the whole picture.
        "backbone_config": {
            **TOWER,
            "model_type": "sam3_vit_model",
            "pretrain_image_size": 8,
            "window_size": 2,
            "global_attn_indexes": [1],
        },
        "fpn_hidden_size": 16,
        "scale_factors": [2.0, 1.0, 0.5],
        "initializer_range": WEIGHTS,
    },
    "text_config": {**TEXT_TOWER, "model_type": "clip_text_model", "num_hidden_layers": 1},
    "geometry_encoder_config": {**LAYERS, "roi_size": 2},
    "detr_encoder_config": LAYERS,
    # Two layers, so that boxes are refined from one to the next.
    "detr_decoder_config": {**LAYERS, "num_layers": 2, "num_queries": 3},
    "mask_decoder_config": {**PART, "num_upsampling_stages": 1},
    "initializer_range": WEIGHTS,
}


# --- models ---


def tiny(model_type: str, auto: Any, settings: Settings) -> Callable[..., nn.Module]:
    """Return a function that builds a model of the auto class ``auto`` from settings of its config."""

    def build(**changes: Any) -> nn.Module:
        return auto.from_config(AutoConfig.for_model(model_type, **{**settings, **changes}))

    return build


def gemma3(**changes: Any) -> nn.Module:
    """Build a Gemma 3 with a vision tower."""
    model = tiny("gemma3", AutoModelForImageTextToText, GEMMA_WITH_EYES)(**changes)
    # This matrix begins as zero, which would let no gradient through to the vision tower.
    nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=WEIGHTS)
    return model


def sam3(**changes: Any) -> nn.Module:
    """Build a SAM 3: encoders of pictures, texts and boxes, DETR encoder and decoder, masks."""
    # `from transformers import Sam3Model` asks for torchvision, of which the model needs one function.
    modeling = import_module("transformers.models.sam3.modeling_sam3")
    if not hasattr(modeling, "torchvision"):
        modeling.torchvision = SimpleNamespace(ops=SimpleNamespace(roi_align=roi_align))
    return modeling.Sam3Model(AutoConfig.for_model("sam3", **{**SAM3, **changes}))


def roi_align(features: Tensor, boxes: tuple[Tensor, ...], size: int) -> Tensor:
    """Sample each box (x₁, y₁, x₂, y₂ in cells) at the centres of size × size bins.

    This stands in for torchvision's function, which takes the average over several places in each bin.

    Returns:
        boxes of all images × channels × size × size.
    """
    height, width = features.shape[-2:]
    centres = (torch.arange(size, dtype=features.dtype, device=features.device) + 0.5) / size
    pooled = []
    for image, corners in zip(features, boxes, strict=True):
        x1, y1, x2, y2 = (corner[:, None] for corner in corners.unbind(-1))
        # grid_sample wants places in [-1, 1] over the whole picture.
        x = 2 * (x1 + (x2 - x1) * centres) / width - 1
        y = 2 * (y1 + (y2 - y1) * centres) / height - 1
        grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1)
        one_for_each_box = image.expand(len(corners), *image.shape)
        pooled.append(nn.functional.grid_sample(one_for_each_box, grid, align_corners=False))
    return torch.cat(pooled)


# --- batches and losses ---


def text_to_label() -> Batch:
    generator = _generator()
    return {"input_ids": _ids(generator), "labels": torch.randint(LABELS, (SAMPLES,), generator=generator)}


def text_to_itself() -> Batch:
    ids = _ids(_generator())
    return {"input_ids": ids, "labels": ids}


def text_to_text() -> Batch:
    generator = _generator()
    return {"input_ids": _ids(generator), "labels": _ids(generator)}


def image_to_label() -> Batch:
    return {"pixel_values": _images(_generator()), "labels": torch.tensor([0, 1])}


def sound_to_text() -> Batch:
    generator = _generator()
    # The second convolution halves the number of frames.
    frames = 2 * WHISPER["max_source_positions"]
    sound = torch.randn(SAMPLES, WHISPER["num_mel_bins"], frames, generator=generator)
    return {"input_features": sound, "labels": _ids(generator)}


def image_and_text_to_itself() -> Batch:
    """Four tokens of each text are the picture's places, and nobody predicts them."""
    generator = _generator()
    ids = _ids(generator, samples=2)
    is_image = torch.zeros_like(ids)
    is_image[:, 1:5] = 1
    ids[is_image.bool()] = IMAGE_TOKEN
    return {
        "input_ids": ids,
        "pixel_values": _images(generator),
        "token_type_ids": is_image,
        "labels": ids.masked_fill(is_image.bool(), -100),
    }


def image_beside_text() -> Batch:
    """The contrastive loss compares both towers; a text's summary is read at its end token."""
    generator = _generator()
    ids = _ids(generator, samples=2)
    ids[:, -1] = END_TOKEN
    return {"input_ids": ids, "pixel_values": _images(generator), "return_loss": True}


def image_with_prompts() -> Batch:
    """A text says what to look for; a box shows an example of it and another one what it is not."""
    generator = _generator()
    return {
        "pixel_values": _images(generator),
        "input_ids": _ids(generator, samples=2),
        "attention_mask": torch.tensor([[1] * LENGTH, [1] * (LENGTH - 2) + [0] * 2]),
        "input_boxes": torch.tensor([[[0.4, 0.5, 0.6, 0.4], [0.3, 0.3, 0.2, 0.4]]] * 2),
        "input_boxes_labels": torch.tensor([[1, 0]] * 2),
    }


def every_prediction(model: nn.Module, batch: Batch) -> Tensor:
    """Return the sum of the mean squares of all that SAM 3 predicts; it has no loss of its own."""
    out = model(**batch)
    predictions = (out.pred_masks, out.pred_boxes, out.pred_logits, out.presence_logits, out.semantic_seg)
    return torch.stack([one.square().mean() for one in predictions]).sum()


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def _ids(generator: torch.Generator, samples: int = SAMPLES) -> Tensor:
    # The lowest and the highest numbers mean padding, start, end or image in one family or another.
    return torch.randint(3, VOCABULARY - 2, (samples, LENGTH), generator=generator)


def _images(generator: torch.Generator) -> Tensor:
    return torch.randn(2, 3, TOWER["image_size"], TOWER["image_size"], generator=generator)


# --- tables ---


def _classifier(model_type: str, settings: Settings) -> Family:
    return Family(model_type, tiny(model_type, AutoModelForSequenceClassification, settings), text_to_label)


def _decoder(model_type: str, settings: Settings) -> Family:
    return Family(model_type, tiny(model_type, AutoModelForCausalLM, settings), text_to_itself)


def _table(*families: Family) -> Mapping[str, Family]:
    return MappingProxyType({family.model_type: family for family in families})


_IMAGE_CLASSIFIER: Settings = {**TOWER, "num_labels": LABELS}
_UNREACHED_IN_SAM3 = MappingProxyType(
    {
        "text_encoder.text_projection": "the detector reads the hidden states before it",
        "vision_encoder.neck.fpn_layers.2": "the coarsest level is computed and then dropped",
    }
)

FAMILIES = _table(
    _classifier("bert", ENCODER),
    _classifier("roberta", ENCODER),
    _classifier("deberta-v2", {**ENCODER, **RELATIVE}),
    _decoder("gpt2", GPT2),
    _decoder("llama", GROUPED),
    _decoder("qwen3", GROUPED),
    _decoder("gemma3_text", GEMMA),
    Family("gemma3", gemma3, image_and_text_to_itself),
    _decoder("mixtral", {**EXPERTS, "num_local_experts": 3}),
    _decoder("qwen3_moe", {**EXPERTS, "num_experts": 3, "moe_intermediate_size": 16}),
    _decoder("gpt_oss", GPT_OSS),
    Family("t5", tiny("t5", AutoModelForSeq2SeqLM, T5), text_to_text),
    Family("bart", tiny("bart", AutoModelForSeq2SeqLM, BART), text_to_text),
    Family("whisper", tiny("whisper", AutoModelForSpeechSeq2Seq, WHISPER), sound_to_text),
    Family("vit", tiny("vit", AutoModelForImageClassification, _IMAGE_CLASSIFIER), image_to_label),
    Family("clip", tiny("clip", AutoModel, CLIP), image_beside_text),
    Family("sam3", sam3, image_with_prompts, every_prediction, _UNREACHED_IN_SAM3),
)
"""The families on which every part of the package is tested."""

RELATIVES = _table(
    _classifier("distilbert", DISTILBERT),
    _decoder("mistral", GROUPED),
    _decoder("qwen2", GROUPED),
    _decoder("phi3", GROUPED),
    _decoder("opt", OPT),
    _decoder("gpt_neox", TEXT),
)
"""Families that have a preset too, and layers of no other types than those above."""
