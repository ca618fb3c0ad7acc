"""Semantic segmentation with SAM 3, which is asked for one concept at a time: a logit map for each class."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Sam3Model
from transformers.modeling_outputs import BaseModelOutputWithPooling, SemanticSegmenterOutput
from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

IGNORED = -100  # label of a pixel without data


class Segmenter(nn.Module):
    """A SAM 3 and a fixed text prompt for each of C classes.

    The vision encoder sees an image once, the text encoder every prompt once; detector and mask decoder run
    once a class. Text, vision, detector and masks all take part in the result, see `class_logits`. Not used
    are the encoder of boxes and what predicts boxes and pooled texts: the loss gives them no gradient.

    Args:
        sam: the model.
        prompt_ids: tokens of the prompts, shape (C, length).
        prompt_mask: 1 for a token, 0 for padding, shape (C, length).
    """

    def __init__(self, sam: Sam3Model, prompt_ids: Tensor, prompt_mask: Tensor) -> None:
        super().__init__()
        self.sam = sam
        self.config = sam.config  # by its type adapters know what "attention" means
        self.register_buffer("prompt_ids", prompt_ids, persistent=False)
        self.register_buffer("prompt_mask", prompt_mask, persistent=False)
        self.prompt_ids: Tensor
        self.prompt_mask: Tensor

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> SemanticSegmenterOutput:
        """Return a map of logits for each class, and with labels the cross entropy.

        Args:
            pixel_values: normalized images, shape (B, 3, S, S).
            labels: class of each pixel from 0 to C−1, or `IGNORED`; shape (B, H, W), which need not be S × S.

        Returns:
            ``logits`` of shape (B, C, H, W), or as large as SAM's own masks without labels; ``loss``, the
            mean over the pixels that are not ignored, 0 if there are none.
        """
        logits = self._class_maps(pixel_values)
        if labels is None:
            return SemanticSegmenterOutput(logits=logits)
        # Measured where the truth is drawn: a mask made smaller would have lost its thin roads.
        logits = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
        total = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
        return SemanticSegmenterOutput(loss=total / (labels != IGNORED).sum().clamp(min=1), logits=logits)

    def _class_maps(self, pixel_values: Tensor) -> Tensor:
        """Return logits at the resolution of SAM's masks, shape (B, C, h, w)."""
        vision = self.sam.get_vision_features(pixel_values)
        texts = self.sam.get_text_features(self.prompt_ids, attention_mask=self.prompt_mask)
        images, classes = len(pixel_values), len(self.prompt_ids)
        # Every image with every prompt, image by image: the detector takes one prompt at a time.
        found = self.sam(
            vision_embeds=Sam3VisionEncoderOutput(
                fpn_hidden_states=tuple(x.repeat_interleave(classes, 0) for x in vision.fpn_hidden_states),
                fpn_position_encoding=tuple(
                    x.repeat_interleave(classes, 0) for x in vision.fpn_position_encoding
                ),
            ),
            text_embeds=BaseModelOutputWithPooling(pooler_output=texts.pooler_output.repeat(images, 1, 1)),
            attention_mask=self.prompt_mask.repeat(images, 1),
        )
        logits = class_logits(found.semantic_seg, found.pred_masks, found.pred_logits, found.presence_logits)
        return logits.reshape(images, classes, *logits.shape[1:])


def class_logits(semantic: Tensor, masks: Tensor, scores: Tensor, presence: Tensor) -> Tensor:
    """Combine what SAM 3 says about one class into log π · (σ(semantic) + max_q σ(score_q) σ(mask_q)).

    π = σ(presence) is how likely the class is in the image at all. A softmax over the classes then divides
    the evidence for a class by that for all of them. Logarithms throughout, so that no gradient dies where a
    probability is small.

    Args:
        semantic: logit of each pixel, shape (B, 1, h, w).
        masks: logit of each pixel to be of an instance, shape (B, Q, h, w).
        scores: logit of each instance to be of the class, shape (B, Q).
        presence: logit of the class to be in the image, shape (B, 1).

    Returns:
        Shape (B, h, w), in float32.
    """
    instances = (F.logsigmoid(masks) + F.logsigmoid(scores)[..., None, None]).amax(dim=1)
    # In mixed precision only what is left of the masks is made float32: there are hundreds of them.
    evidence = torch.logaddexp(F.logsigmoid(semantic[:, 0].float()), instances.float())
    return evidence + F.logsigmoid(presence.float())[..., None]
