"""Images and prompts as a SAM 3 takes them, and what is counted of its answers."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import EvalPrediction, Sam3Model, Sam3VideoConfig, TrainingArguments

from adalora import ConfigError, DataError
from experiments.config import DataConfig
from experiments.models import load_model
from experiments.problems import SEGMENTATION, Columns, Part
from experiments.problems.segmenting import SegmentationTrainer, load_processor, load_segmenter
from experiments.segmenter import IGNORED
from experiments.tasks import loveda_sample
from experiments.tasks.loveda import CLASSES, read_rows
from tests.experiments import tiny, tiny_sam

COLUMNS = Columns(("image",), "mask")


@pytest.fixture
def processor(sam):
    return load_processor(str(sam))


@pytest.fixture
def part(tmp_path, processor):
    rows = read_rows(loveda_sample.write(tmp_path / "root", train=3, validation=1, size=24), "Train")
    return Part(rows, COLUMNS, SEGMENTATION.encode(rows, COLUMNS, processor, DataConfig()))


def test_an_image_is_brought_to_the_models_size_and_its_mask_is_not(part):
    features = part.features[0]
    assert features["pixel_values"].shape == (3, 32, 32)
    assert -1 <= features["pixel_values"].min() < features["pixel_values"].max() <= 1
    assert features["labels"].shape == (24, 24)
    mask = np.array(Image.open(part.rows[0]["mask"])).astype(int)
    assert np.array_equal(features["labels"], np.where(mask == 0, IGNORED, mask - 1))


def test_black_and_white_are_the_ends_of_the_range(processor):
    for value, expected in ((0, -1), (255, 1)):
        pixels = processor.pixels(np.full((4, 4, 3), value, dtype=np.uint8))
        assert torch.equal(pixels, torch.full((3, 32, 32), float(expected)))


def test_files_are_read_when_they_are_asked_for(part):
    Image.new("RGB", (24, 24), "white").save(part.rows[1]["image"])
    assert (part.features[1]["pixel_values"] == 1).all()


def test_the_names_of_the_classes_are_the_prompts(processor):
    ids, mask = processor.prompts(CLASSES)
    assert processor.tokenizer.decode(ids[3]) == "[CLS] water [SEP]"
    assert mask.shape == ids.shape == (7, 3)


def test_a_tokenizer_that_does_not_know_the_names_is_refused(sam, tmp_path):
    Sam3Model.from_pretrained(sam).save_pretrained(tmp_path)
    tiny.save_tokenizer(tmp_path)
    with pytest.raises(ConfigError, match="'background' and 'building' the same tokens"):
        load_segmenter(str(tmp_path), CLASSES)


def test_a_model_without_a_tokenizer_and_one_that_is_no_sam_are_refused(sam, bert, tmp_path):
    with pytest.raises(ConfigError, match="of type 'bert'; allowed for this task: a SAM 3"):
        load_processor(str(bert))
    # Where a folder holds no tokenizer, the library makes up one that knows no word.
    Sam3Model.from_pretrained(sam).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="allowed: a SAM 3 whose folder holds its tokenizer"):
        load_segmenter(str(tmp_path), CLASSES)


def test_the_released_checkpoint_which_also_tracks_gives_its_detector(sam, tmp_path):
    detector = Sam3Model.from_pretrained(sam)
    weights = {f"detector_model.{name}": value.contiguous() for name, value in detector.state_dict().items()}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    Sam3VideoConfig(detector_config=detector.config.to_dict()).save_pretrained(tmp_path)
    tiny.save_tokenizer(tmp_path, [*tiny.SPECIAL, *CLASSES])
    assert load_processor(str(tmp_path)).size == tiny_sam.SIZE
    for model in (
        load_segmenter(str(tmp_path), CLASSES).sam,
        load_model(str(tmp_path), SEGMENTATION, CLASSES),
    ):
        assert all(map(torch.equal, model.state_dict().values(), detector.state_dict().values()))


def test_masks_of_two_sizes_are_no_batch():
    rows = [{"pixel_values": torch.zeros(3, 8, 8), "labels": torch.zeros(n, 8)} for n in (8, 9)]
    with pytest.raises(DataError, match=r"\(8, 8\), \(9, 8\).*batch_size: 1"):
        SEGMENTATION.collator(None, None)(rows)


def test_a_trainer_counts_image_by_image_and_keeps_no_map(sam, part, tmp_path):
    model = load_segmenter(str(sam), CLASSES)
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        per_device_eval_batch_size=2,
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **SEGMENTATION.arguments(None, None),
    )
    trainer = SegmentationTrainer(
        model=model, args=arguments, data_collator=SEGMENTATION.collator(None, None)
    )
    output = trainer.predict(part.features)
    assert output.predictions.shape == (3, 7, 7)
    assert output.label_ids.tolist() == part.rows["pixels"][:]
    tables = SEGMENTATION.decode(EvalPrediction(output.predictions, output.label_ids), part, None, None)
    assert np.array_equal(np.array(tables).sum(axis=2), SEGMENTATION.references(part))

    with torch.no_grad():
        answer = model(part.features[0]["pixel_values"][None]).logits
    assert answer.shape == (1, 7, tiny_sam.SIZE, tiny_sam.SIZE)
    assert output.metrics["test_loss"] > 0


def test_the_constant_answer_is_the_class_with_most_pixels(part):
    tables = np.array(SEGMENTATION.constant(part))
    pixels = np.array(part.rows["pixels"])
    most = pixels.sum(axis=0).argmax()
    assert np.array_equal(tables[:, :, most], pixels)
    assert tables.sum() == pixels.sum()


def test_the_code_of_the_report_makes_the_model(sam):
    imports, expression = SEGMENTATION.loading(CLASSES)
    names = {"base": str(sam)}
    exec(imports, names)  # noqa: S102
    assert len(eval(expression, names).prompt_ids) == 7  # noqa: S307
