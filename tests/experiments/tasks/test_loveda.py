"""LoveDA's layout on disk, and what is said where something in it is wrong."""

import shutil

import numpy as np
import pytest
from PIL import Image

from adalora import ConfigError, DataError
from experiments import tasks
from experiments.config import DataConfig
from experiments.tasks import loveda, loveda_sample


@pytest.fixture
def root(tmp_path):
    return loveda_sample.write(tmp_path / "root", train=4, validation=2, size=16)


def load(root):
    return tasks.get("loveda", DataConfig(path=str(root))).load(DataConfig(path=str(root)))


def test_the_images_of_both_domains_are_rows(root):
    splits = load(root)
    assert (len(splits.train), len(splits.validation)) == (4, 2)
    assert splits.test["val"] is splits.validation
    assert splits.classes == loveda.CLASSES
    for row in splits.train:
        mask = np.array(Image.open(row["mask"]))
        assert row["pixels"] == [(mask == value).sum() for value in range(1, 8)]


def test_the_level_of_the_domains_may_be_left_out(root):
    for split in ("Train", "Val"):
        (root / split / "Urban").rename(root / "moved")
        shutil.rmtree(root / split)
        (root / "moved").rename(root / split)
    assert len(load(root).train) == 2


def test_rows_are_in_the_order_of_their_numbers(root):
    folder = root / "Train" / "Urban"
    for name in (loveda.IMAGES, loveda.MASKS):
        shutil.copy(folder / name / "0.png", folder / name / "10.png")
    found = [image.name for image, _ in loveda.find_pairs(root, "Train")]
    assert found == ["0.png", "2.png", "10.png", "1.png", "3.png"]


def spoil_folder(root):
    shutil.rmtree(root / "Train" / "Rural" / "masks_png")


def spoil_split(root):
    shutil.rmtree(root / "Val")


def spoil_mask(root):
    (root / "Train" / "Rural" / "masks_png" / "1.png").unlink()


def spoil_all(root):
    for image in root.rglob("Train/*/*/*.png"):
        image.unlink()


def spoil_size(root):
    Image.new("L", (8, 8)).save(root / "Train" / "Rural" / "masks_png" / "1.png")


def spoil_value(root):
    Image.new("L", (16, 16), 8).save(root / "Val" / "Urban" / "masks_png" / "0.png")


def spoil_colours(root):
    Image.new("RGB", (16, 16)).save(root / "Val" / "Urban" / "masks_png" / "0.png")


def spoil_file(root):
    (root / "Val" / "Urban" / "images_png" / "0.png").write_bytes(b"\x89PNG")


def spoil_body(root):
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    path = root / "Val" / "Urban" / "images_png" / "0.png"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:400])


def spoil_domain(root):
    (root / "Train" / "Rural").rename(root / "Train" / "rural")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_folder, r"has no folder .*Rural.masks_png; allowed: the layout of LoveDA"),
        (spoil_split, r"has no folder .*Val.images_png"),
        (spoil_mask, r"the image .*1.png has no mask .*1.png; add the mask"),
        (spoil_all, r"Train holds no image; allowed: PNG files in images_png"),
        (spoil_size, r"has 8 by 8 pixels, but its image has 16 by 16"),
        (spoil_value, r"has the value 8; allowed: 0 \(no data\) to 7"),
        (spoil_colours, r"has mode RGB; allowed: one channel of 8 bits"),
        (spoil_body, r"Urban.images_png.0.png cannot be read as an image"),
        (spoil_domain, r"Train holds 'rural' beside a domain; allowed: Urban and Rural\. Rename"),
        (spoil_file, r"images_png.0.png cannot be read as an image"),
    ],
)
def test_wrong_data_is_named_before_any_training(root, spoil, message):
    spoil(root)
    with pytest.raises(DataError, match=message):
        load(root)


def test_the_folder_has_to_be_given():
    with pytest.raises(
        ConfigError, match=r"data.path is None; allowed for loveda: the folder with Train and Val"
    ):
        tasks.get("loveda", DataConfig()).load(DataConfig())


def test_the_numbers_are_those_of_the_classes():
    table = np.diag([0, 10, 10, 0, 0, 0, 0])
    scores = loveda.TASK.score([table, table], [])
    assert (scores["mIoU"], scores["aAcc"], scores["mAcc"]) == (1, 1, 1)
    assert set(scores) == {"mIoU", "aAcc", "mAcc", "IoU/building", "IoU/road", "Acc/building", "Acc/road"}


def test_one_domain_alone_and_what_systems_put_beside_it_are_fine(root):
    shutil.rmtree(root / "Train" / "Rural")
    (root / "Train" / ".cache").mkdir()
    (root / "Train" / "readme.txt").write_text("")
    assert len(load(root).train) == 2
