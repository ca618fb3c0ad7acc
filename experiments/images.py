"""Images and masks as PNG files: read one at a time, and refused by name where they are wrong."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adalora.errors import DataError

Pixels = NDArray[np.uint8]

_ONE_CHANNEL = ("L", "P")  # grey values, or numbers of colours in a palette: 8 bits that mean a class


def read_image(path: str | Path) -> Pixels:
    """Return a colour image, shape (H, W, 3).

    Raises:
        DataError: the file cannot be read as an image.
    """
    pixels: Pixels = _read(path, "RGB")
    return pixels


def read_mask(path: str | Path, highest: int = 255) -> Pixels:
    """Return a mask, shape (H, W).

    Args:
        path: PNG file of one channel of 8 bits.
        highest: the highest value that means something.

    Raises:
        DataError: the file cannot be read, has several channels, or a value above ``highest``.
    """
    mask: Pixels = _read(path, None)
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise _wrong_mode(path, "several channels or another depth")
    if mask.max(initial=0) > highest:
        raise DataError(
            f"the mask {path} has the value {mask.max()}; allowed: 0 (no data) to {highest}. Masks hold the "
            f"number of a class in each pixel, not a colour."
        )
    return mask


def require_pair(image: str | Path, mask: str | Path) -> None:
    """Raise unless image and mask can be opened, and the mask has one channel and the image's size.

    Only the heads of the files are read.

    Raises:
        DataError: one of that is not so; the message names the file.
    """
    (size, _), (mask_size, mode) = _head(image), _head(mask)
    if mode not in _ONE_CHANNEL:
        raise _wrong_mode(mask, f"mode {mode}")
    if size != mask_size:
        raise DataError(
            f"the mask {mask} has {mask_size[0]} by {mask_size[1]} pixels, but its image has {size[0]} by "
            f"{size[1]}; allowed: one value for each pixel of the image."
        )


def require_whole(path: str | Path) -> None:
    """Raise unless all of an image is there.

    Of a PNG every byte is read and compared with the checksums in the file, which costs a fraction of the
    decoding; any other format has no such checksums and is decoded.

    Raises:
        DataError: the file is cut short or damaged; the message names it.
    """
    try:
        with Image.open(path) as image:
            if image.format == "PNG":
                image.verify()
            else:
                image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error


def size_of(path: str | Path) -> tuple[int, int]:
    """Return width and height of an image; only its head is read.

    Raises:
        DataError: the file cannot be read as an image.
    """
    return _head(path)[0]


def _head(path: str | Path) -> tuple[tuple[int, int], str]:
    try:
        with Image.open(path) as image:
            return image.size, image.mode
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error


def _read(path: str | Path, mode: str | None) -> Any:
    try:
        with Image.open(path) as image:
            return np.array(image.convert(mode) if mode else image)
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str | Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read as an image: {error}. Copy or download that file again.")


def _wrong_mode(path: str | Path, found: str) -> DataError:
    return DataError(
        f"the mask {path} has {found}; allowed: one channel of 8 bits, with the number of a class in each "
        f"pixel. A mask in colours has to be translated first."
    )
