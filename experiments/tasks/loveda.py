"""LoveDA: land cover of satellite images, seven classes (Wang et al. 2021, arXiv 2110.08733).

The truth of LoveDA's test images is not public: the numbers are those of its validation images.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset

from adalora.errors import ConfigError, DataError

from ..config import DataConfig
from ..images import read_mask, require_pair, require_whole
from ..metrics import Scores
from ..overlap import ACCURACY, IOU, overlap, require_torchmetrics
from ..problems import SEGMENTATION, Columns
from .task import Splits, Task

CLASSES = ("background", "building", "road", "water", "barren", "forest", "agricultural")
IMAGES, MASKS = "images_png", "masks_png"
DOMAINS = ("Urban", "Rural")
TRAIN, VALIDATION = "Train", "Val"


def find_pairs(root: Path, split: str) -> list[tuple[Path, Path]]:
    """Return image and mask of every row in ``ROOT/SPLIT``, which holds them by domain or without.

    Raises:
        DataError: a folder is missing, one beside a domain is none, an image has no mask, or there is no
            image.
    """
    folders = [folder for name in DOMAINS if (folder := root / split / name).is_dir()]
    if folders:
        _require_domains(root / split)
    folders = folders or [root / split]
    pairs = [pair for folder in folders for pair in _pairs_in(folder)]
    if not pairs:
        raise DataError(f"{root / split} holds no image; allowed: PNG files in {IMAGES}, such as 0.png.")
    return pairs


def _require_domains(folder: Path) -> None:
    """Raise where a folder beside a domain is none: a misspelt domain would silently be left out."""
    beside = [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    strange = sorted(set(beside) - set(DOMAINS))
    if strange:
        raise DataError(
            f"{folder} holds {', '.join(map(repr, strange))} beside a domain; allowed: "
            f"{' and '.join(DOMAINS)}. Rename that folder, or take it out."
        )


def _pairs_in(folder: Path) -> Iterator[tuple[Path, Path]]:
    for name in (IMAGES, MASKS):
        if not (folder / name).is_dir():
            raise DataError(
                f"data.path has no folder {folder / name}; allowed: the layout of LoveDA, which is "
                f"ROOT/{TRAIN}/{DOMAINS[0]}/{IMAGES}/0.png with ROOT/{TRAIN}/{DOMAINS[0]}/{MASKS}/0.png, "
                f"the same for {DOMAINS[1]} and for {VALIDATION}; the level of the domains may be left out."
            )
    # Images are numbered from 0: 10 comes behind 9.
    for image in sorted((folder / IMAGES).glob("*.png"), key=lambda path: (len(path.name), path.name)):
        mask = folder / MASKS / image.name
        if not mask.is_file():
            raise DataError(f"the image {image} has no mask {mask}; add the mask, or take the image out.")
        yield image, mask


def read_rows(root: Path, split: str) -> Dataset:
    """Return a row for each image: where it and its mask lie, and how many pixels of each class it has.

    Every mask is looked through here and every image is read to its end, so that a wrong one is found before
    the training and not behind it; but neither images nor masks are kept. With LoveDA's 4,191 pairs that
    takes a minute or so, most of it for the masks and for the disk.

    Raises:
        DataError: files are missing, cannot be read, or do not fit each other.
    """
    pairs = find_pairs(root, split)
    for image, mask in pairs:
        require_pair(image, mask)
        require_whole(image)
    pixels = [
        np.bincount(read_mask(mask, len(CLASSES)).ravel(), minlength=1 + len(CLASSES)) for _, mask in pairs
    ]
    return Dataset.from_dict(
        {
            "image": [str(image) for image, _ in pairs],
            "mask": [str(mask) for _, mask in pairs],
            "pixels": [counts[1:].tolist() for counts in pixels],
        }
    )


def _load(data: DataConfig) -> Splits:
    """Return 2,522 images for training; the test images are the 1,669 of the validation split."""
    if data.path is None:
        raise ConfigError(
            f"data.path is None; allowed for loveda: the folder with {TRAIN} and {VALIDATION} of LoveDA, or "
            f"one that 'python -m experiments.tasks.loveda_sample FOLDER' has written."
        )
    require_torchmetrics()  # days of training must not end without a number
    train, validation = (read_rows(Path(data.path), split) for split in (TRAIN, VALIDATION))
    return Splits(train, validation, {"val": validation}, CLASSES)


def _score(tables: Sequence[np.ndarray], _: object) -> Scores:
    return overlap(tables, CLASSES)


TASK = Task(
    name="loveda",
    about="What covers the land in a satellite image? Seven classes, a class for each pixel.",
    problem=SEGMENTATION,
    columns=Columns(("image",), "mask"),
    load=_load,
    score=_score,
    headline="mIoU",
    others=("aAcc", "mAcc", *(kind + name for kind in (IOU, ACCURACY) for name in CLASSES)),
    held_out=False,
    classes=CLASSES,
)
