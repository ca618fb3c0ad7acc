"""Images and masks that are read, and those that are refused."""

import numpy as np
import pytest
from PIL import Image

from adalora import DataError
from experiments.images import read_image, read_mask, require_pair, require_whole

MASK = np.array([[0, 1, 2], [3, 4, 7]], dtype=np.uint8)
COLOURS = np.dstack([MASK, MASK, MASK])


@pytest.fixture
def save(tmp_path):
    def write(pixels, name="0.png", mode=None):
        image = Image.fromarray(pixels)
        (image.convert(mode) if mode else image).save(tmp_path / name)
        return tmp_path / name

    return write


def test_what_is_written_is_read(save):
    assert np.array_equal(read_image(save(COLOURS)), COLOURS)
    assert np.array_equal(read_mask(save(MASK), 7), MASK)


def test_a_grey_image_becomes_one_of_colours(save):
    assert np.array_equal(read_image(save(MASK)), COLOURS)


def test_the_numbers_of_a_palette_are_classes(tmp_path):
    image = Image.fromarray(MASK, mode=None).convert("P")
    image.putdata(MASK.ravel().tolist())
    image.save(tmp_path / "0.png")
    assert np.array_equal(read_mask(tmp_path / "0.png", 7), MASK)


def test_a_value_that_means_nothing_is_named(save):
    with pytest.raises(DataError, match=r"0.png has the value 7; allowed: 0 \(no data\) to 6"):
        read_mask(save(MASK), 6)


@pytest.mark.parametrize("pixels", [COLOURS, MASK.astype(np.uint16)])
def test_a_mask_in_colours_or_of_another_depth_is_refused(save, pixels):
    path = save(pixels)
    for read in (lambda: read_mask(path, 255), lambda: require_pair(save(COLOURS, "image.png"), path)):
        with pytest.raises(DataError, match=r"the mask .*0.png has .*; allowed: one channel of 8 bits"):
            read()


def test_a_pair_has_one_size(save):
    image = save(COLOURS)
    require_pair(image, save(MASK, "mask.png"))
    with pytest.raises(DataError, match=r"mask.png has 2 by 2 pixels, but its image has 3 by 2"):
        require_pair(image, save(MASK[:, :2], "mask.png"))


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "0.png").write_bytes(b"no image")
    for read in (read_image, read_mask):
        with pytest.raises(DataError, match=r"0.png cannot be read as an image"):
            read(tmp_path / "0.png")
    with pytest.raises(DataError, match=r"0.png cannot be read as an image"):
        require_pair(tmp_path / "0.png", tmp_path / "0.png")


def test_a_truncated_file_is_named(save):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = save(noise)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"0.png cannot be read as an image"):
        read_image(path)


def test_a_body_that_is_cut_short_or_changed_is_found_without_decoding(save):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = save(noise)
    require_whole(path)
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 255
    for wrong in (whole[:200], whole[: len(whole) // 2], whole[:-30], changed):
        path.write_bytes(wrong)
        require_pair(path, save(noise[..., 0], "mask.png"))  # the head is fine
        with pytest.raises(DataError, match=r"0.png cannot be read as an image"):
            require_whole(path)


def test_another_format_under_the_name_of_a_png_is_decoded(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "0.png"
    Image.fromarray(noise).save(path, format="JPEG")
    require_whole(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"0.png cannot be read as an image"):
        require_whole(path)
