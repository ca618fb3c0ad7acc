"""SAM 3 as a model of classes: what it returns, and that all of it learns."""

import pytest
import torch
from torch.nn import functional as F

from experiments.segmenter import IGNORED, class_logits
from tests.experiments import tiny_sam
from tests.experiments.tiny_sam import SIZE

IMAGES = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1
LABELS = torch.arange(2 * SIZE * SIZE).reshape(2, SIZE, SIZE) % 7


@pytest.fixture
def model():
    return tiny_sam.segmenter().eval()


def test_the_evidence_of_a_class_is_that_of_probabilities():
    semantic, masks = torch.randn(2, 1, 3, 4), torch.randn(2, 5, 3, 4)
    scores, presence = torch.randn(2, 5), torch.randn(2, 1)
    instances = (masks.sigmoid() * scores.sigmoid()[:, :, None, None]).amax(dim=1)
    expected = presence.sigmoid()[:, :, None] * (semantic.sigmoid()[:, 0] + instances)
    torch.testing.assert_close(class_logits(semantic, masks, scores, presence).exp(), expected)


def test_no_probability_is_so_small_that_it_has_no_gradient():
    parts = [torch.full(shape, -300.0, requires_grad=True) for shape in ((1, 1, 2, 2), (1, 3, 2, 2))]
    parts += [torch.full(shape, -30.0, requires_grad=True) for shape in ((1, 3), (1, 1))]
    class_logits(*parts).sum().backward()
    assert all(torch.isfinite(part.grad).all() for part in parts)
    assert parts[0].grad.abs().min() > 0


def test_a_map_for_each_class_as_large_as_the_labels(model):
    assert model(IMAGES).logits.shape == (2, 7, SIZE, SIZE)
    labels = torch.zeros(2, 48, 40, dtype=torch.long)
    assert model(IMAGES, labels).logits.shape == (2, 7, 48, 40)


def test_the_images_of_a_batch_and_the_classes_do_not_mix(model):
    together = model(IMAGES).logits
    alone = torch.cat([model(image[None]).logits for image in IMAGES])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    model.prompt_ids = model.prompt_ids.flip(0)
    torch.testing.assert_close(model(IMAGES).logits, together.flip(1), rtol=1e-4, atol=1e-5)


def test_each_map_is_what_sam_says_to_the_prompt_alone(model):
    found = model.sam(IMAGES, input_ids=model.prompt_ids[2:3].repeat(2, 1))
    alone = class_logits(found.semantic_seg, found.pred_masks, found.pred_logits, found.presence_logits)
    torch.testing.assert_close(model(IMAGES).logits[:, 2], alone, rtol=1e-4, atol=1e-5)


def test_padding_of_a_prompt_changes_nothing(model):
    logits = model(IMAGES).logits
    model.prompt_ids = F.pad(model.prompt_ids, (0, 2))
    model.prompt_mask = F.pad(model.prompt_mask, (0, 2))
    torch.testing.assert_close(model(IMAGES).logits, logits, rtol=1e-4, atol=1e-5)


def test_mixed_precision_gives_about_the_same_in_float32(model):
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(IMAGES, LABELS).logits
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, model(IMAGES, LABELS).logits, rtol=0.05, atol=0.1)


def test_the_images_are_seen_once_and_the_prompts_read_once(model):
    calls = []
    for part in (model.sam.vision_encoder, model.sam.text_encoder):
        part.register_forward_hook(lambda module, inputs, _: calls.append(type(module).__name__))
    model(IMAGES)
    assert calls == ["Sam3VisionModel", "CLIPTextModelWithProjection"]


def test_the_loss_is_the_mean_over_the_pixels_with_data(model):
    labels = LABELS.clone()
    labels[:, : SIZE // 2] = IGNORED
    output = model(IMAGES, labels)
    seen = labels != IGNORED
    expected = F.cross_entropy(output.logits.permute(0, 2, 3, 1)[seen], labels[seen])
    torch.testing.assert_close(output.loss, expected)


def test_a_batch_without_data_has_no_loss_and_no_gradient(model):
    loss = model(IMAGES, torch.full_like(LABELS, IGNORED)).loss
    loss.backward()
    assert loss == 0
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


@pytest.mark.parametrize(
    "part",
    ["vision_encoder", "text_encoder", "text_projection", "detr_encoder", "detr_decoder", "mask_decoder"],
)
def test_the_gradient_reaches_every_part(model, part):
    model(IMAGES, LABELS).loss.backward()
    for name, module in model.sam.get_submodule(part).named_modules(prefix=part):
        if isinstance(module, torch.nn.Linear) and not any(spared in name for spared in tiny_sam.SPARED):
            assert module.weight.grad.abs().sum() > 0, name


def test_what_the_loss_does_not_reach_is_what_is_said_so(model):
    model(IMAGES, LABELS).loss.backward()
    layers = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    missed = {name for name in layers if model.get_submodule(name).weight.grad is None}
    assert missed == {
        name
        for name in layers
        if any(s in name for s in ("geometry_encoder", "text_encoder.text_proj", "box_head"))
    }
