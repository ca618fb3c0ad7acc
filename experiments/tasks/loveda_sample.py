"""Small made-up images in LoveDA's layout: ``python -m experiments.tasks.loveda_sample FOLDER``.

Every class has a colour and a texture of its own, so that a model can tell them apart; beyond that the images
have nothing to do with LoveDA.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adalora.errors import ConfigError

from ..checks import require
from ..images import Pixels
from .loveda import CLASSES, DOMAINS, IMAGES, MASKS, TRAIN, VALIDATION

COLOURS = np.array(
    [
        (150, 150, 150),
        (200, 60, 50),
        (60, 60, 70),
        (40, 90, 200),
        (210, 180, 120),
        (20, 110, 40),
        (170, 210, 70),
    ]
)
REGIONS, NOISE, RELIEF = 6, 12.0, 25.0  # regions of an image; deviation and depth of a texture, of 255


def write(root: Path, train: int = 24, validation: int = 8, size: int = 64, seed: int = 0) -> Path:
    """Write images and masks of both domains, the same ones for the same arguments.

    Args:
        root: new or empty folder.
        train: images to train on, half of them in each domain.
        validation: images to measure on, likewise.
        size: pixels of a side.
        seed: of everything that is drawn.

    Returns:
        The folder.

    Raises:
        ConfigError: a number is too small, or the folder holds something.
    """
    for name, number, least in (("train", train, 1), ("validation", validation, 1), ("size", size, 8)):
        require(number >= least, name, number, f"at least {least}")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ConfigError(f"root is {str(root)!r}, which is not empty; allowed: a new or an empty folder.")
    for index, (split, number) in enumerate(((TRAIN, train), (VALIDATION, validation))):
        for position in range(number):
            folder = root / split / DOMAINS[position % len(DOMAINS)]
            image, mask = draw(size, np.random.default_rng((seed, index, position)))
            for name, pixels in ((IMAGES, image), (MASKS, mask)):
                (folder / name).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(folder / name / f"{position}.png")
    return root


def draw(size: int, random: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Return an image, shape (size, size, 3), and its mask: regions around points, an edge without data."""
    places = random.uniform(0, size, (REGIONS, 2))
    classes = random.permutation(len(CLASSES))[:REGIONS]
    y, x = np.mgrid[:size, :size] + 0.5
    distances = np.hypot(y[..., None] - places[:, 0], x[..., None] - places[:, 1])
    truth = classes[distances.argmin(axis=-1)]

    image = COLOURS[truth] + _texture(truth, y, x)[..., None] + random.normal(0, NOISE, (size, size, 3))
    mask = truth + 1
    edge = size // 16
    image[:, :edge], mask[:, :edge] = 0, 0
    return np.clip(image, 0, 255).astype(np.uint8), mask.astype(np.uint8)


def _texture(truth: NDArray[np.int64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return waves of about four pixels, in a direction for each class."""
    angle = np.pi * truth / len(CLASSES)
    waves: NDArray[np.float64] = RELIEF * np.sin((x * np.cos(angle) + y * np.sin(angle)) * np.pi / 2)
    return waves


def main(words: Sequence[str]) -> int:
    """Write the images into the folder that the command line names; 2 if it is not one new folder."""
    try:
        require(len(words) == 1, "words", list(words), "one new folder")
        folder = write(Path(words[0]))
    except ConfigError as error:
        sys.stderr.write(f"loveda_sample: {error}\n")
        return 2
    sys.stdout.write(f"written: {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
