"""Semantic segmentation: a class for each pixel, by a SAM 3 that is prompted with their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    EvalPrediction,
    PreTrainedTokenizerBase,
    Sam3Model,
    Trainer,
    TrainingArguments,
)

from adalora.errors import ConfigError, DataError

from ..config import DataConfig
from ..images import read_image, read_mask, size_of
from ..overlap import count
from ..pretrained import from_pretrained, load_tokenizer
from ..segmenter import IGNORED, Segmenter
from .problem import Columns, Part, Problem, no_options

GREY, CONTRAST = 127.5, 127.5  # SAM 3 takes colours from -1 to 1
NO_DATA = 0  # value of a mask; the classes are numbered from 1


@dataclass(frozen=True)
class Processor:
    """What prepares the inputs of a SAM 3.

    Attributes:
        size: pixels of a side of the images that it takes.
        tokenizer: of its prompts.
    """

    size: int
    tokenizer: PreTrainedTokenizerBase

    def pixels(self, image: NDArray[np.uint8]) -> Tensor:
        """Return an image, shape (H, W, 3), as the model takes it, shape (3, size, size)."""
        resized = Image.fromarray(image).resize((self.size, self.size), Image.Resampling.BILINEAR)
        return torch.from_numpy((np.array(resized, dtype=np.float32) - GREY) / CONTRAST).permute(2, 0, 1)

    def prompts(self, classes: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return tokens and mask of the names of the classes, shape (C, length) each.

        Raises:
            ConfigError: the tokenizer does not tell two names apart.
        """
        encoded = self.tokenizer(list(classes), padding=True, return_tensors="pt")
        first: dict[tuple[int, ...], str] = {}
        for name, tokens in zip(classes, encoded["input_ids"].tolist(), strict=True):
            other = first.setdefault(tuple(tokens), name)
            if other != name:
                raise ConfigError(
                    f"model has a tokenizer that gives {other!r} and {name!r} the same tokens; allowed: a "
                    f"SAM 3 whose folder holds its tokenizer (tokenizer.json), which knows these words."
                )
        return encoded["input_ids"], encoded["attention_mask"]


def load_processor(name: str) -> Processor:
    """Return what prepares the inputs of the SAM 3 called ``name``.

    Raises:
        DataError: the model or its tokenizer is not there.
        ConfigError: the model is no SAM 3.
    """
    config = from_pretrained(AutoConfig, name)
    config = getattr(config, "detector_config", config)  # the released checkpoint also tracks in films
    if config.model_type != "sam3":
        raise ConfigError(
            f"model is {name!r}, of type {config.model_type!r}; allowed for this task: a SAM 3."
        )
    return Processor(config.image_size, load_tokenizer(name))


def load_segmenter(name: str, classes: Sequence[str]) -> Segmenter:
    """Return the SAM 3 called ``name``, prompted with the names of the classes.

    Raises:
        DataError: the model or its tokenizer is not there.
        ConfigError: the model is no SAM 3, or does not tell the names apart.
    """
    processor = load_processor(name)
    return _finish(from_pretrained(Sam3Model, name, dtype=torch.float32), processor, classes)


class SegmentationTrainer(Trainer):
    """A Trainer that counts right and wrong pixels image by image, so that no map outlives its batch."""

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return the loss, the tables of `count`, and as labels the pixels of each true class."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            output = model(**inputs)
        loss = output.loss.mean()  # over the devices, where there are several
        if prediction_loss_only:
            return loss, None, None
        tables = count(output.logits.argmax(dim=1), inputs["labels"], output.logits.shape[1], IGNORED)
        return loss, tables, tables.sum(dim=2)


def _finish(sam: Sam3Model, processor: Processor, classes: Sequence[str]) -> Segmenter:
    return Segmenter(sam, *processor.prompts(classes))


def _loading(classes: Sequence[str]) -> tuple[str, str]:
    code = f"from {__name__} import {load_segmenter.__name__}"
    return code, f"{load_segmenter.__name__}(base, {tuple(classes)!r})"


def _arguments(*_: object) -> Mapping[str, Any]:
    return {"remove_unused_columns": False}  # paths are read when a row is asked for, and are no column then


def _encode(rows: Dataset, columns: Columns, processor: Processor, _: DataConfig) -> Dataset:
    (image,) = columns.inputs

    def read(batch: dict[str, list[Any]]) -> dict[str, list[Tensor]]:
        return {
            "pixel_values": [processor.pixels(read_image(path)) for path in batch[image]],
            "labels": [_labels(read_mask(path)) for path in batch[columns.target]],
        }

    return rows.with_transform(read)


def _labels(mask: NDArray[np.uint8]) -> Tensor:
    labels = torch.from_numpy(mask.astype(np.int64))
    return torch.where(labels == NO_DATA, IGNORED, labels - 1)


def _largest(features: Dataset, _: DataConfig) -> tuple[list[int], str]:
    size = features[0]["pixel_values"].shape[-1]
    return [0], f"all are brought to {size} by {size} pixels"


def _require_one_size(part: Part, rows: int, setting: str) -> None:
    """Refuse batches of masks, which are measured as large as they are, unless all have one size."""
    if rows == 1:
        return
    masks = list(part.rows[part.columns.target])
    sizes = [size_of(mask) for mask in masks]
    other = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
    if other is not None:
        (w0, h0), (w1, h1) = sizes[0], sizes[other]
        raise ConfigError(
            f"{setting} is {rows}, but {masks[other]} has {w1} by {h1} pixels and {masks[0]} has {w0} by "
            f"{h0}; allowed for masks of several sizes: {setting}: 1."
        )


def _no_positions(*_: object) -> tuple[()]:
    return ()


def _collator(*_: object) -> Any:
    return _batch


def _batch(rows: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    shapes = {tuple(row["labels"].shape) for row in rows}
    if len(shapes) > 1:
        raise DataError(
            f"the masks of a batch have the sizes {sorted(shapes)}; allowed: one size for all, or "
            f"training.batch_size: 1 and evaluation.batch_size: 1."
        )
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def _tables(output: EvalPrediction, *_: object) -> list[NDArray[Any]]:
    return list(output.predictions)


def _pixels(part: Part) -> list[list[int]]:
    return list(part.rows["pixels"])


def _majority(part: Part) -> list[NDArray[Any]]:
    """Return the tables of an answer that takes every pixel for the class that has most of them."""
    pixels = np.array(_pixels(part))
    tables = np.zeros((*pixels.shape, pixels.shape[1]), dtype=np.int64)
    tables[:, :, pixels.sum(axis=0).argmax()] = pixels
    return list(tables)


SEGMENTATION = Problem(
    auto_class=Sam3Model,
    load_processor=load_processor,
    finish=_finish,
    loading=_loading,
    trainer_class=SegmentationTrainer,
    arguments_class=TrainingArguments,
    model_options=no_options,
    lengths=(),  # all images are brought to the model's size
    arguments=_arguments,
    encode=_encode,
    largest=_largest,
    reach=_no_positions,
    require_batches=_require_one_size,
    collator=_collator,
    decode=_tables,
    references=_pixels,
    constant=_majority,
    constant_name="majority class",
)
