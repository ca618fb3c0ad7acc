"""Made-up images: the same ones every time, and with something to learn in them."""

import numpy as np
import pytest

from adalora import ConfigError
from experiments.images import read_image, read_mask
from experiments.tasks import loveda_sample
from experiments.tasks.loveda import find_pairs


def everything(root):
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*.png"))}


def test_the_seed_decides_everything(tmp_path):
    sets = [
        everything(loveda_sample.write(tmp_path / name, 3, 2, 16, seed))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert sets[0] == sets[1]
    assert sets[0].keys() == sets[2].keys()
    assert all(sets[0][name] != sets[2][name] for name in sets[0])
    assert len(set(sets[0].values())) == 2 * (3 + 2)


def test_an_image_is_the_same_however_many_there_are(tmp_path):
    few = everything(loveda_sample.write(tmp_path / "few", 2, 1, 16))
    many = everything(loveda_sample.write(tmp_path / "many", 6, 3, 16))
    assert few.items() <= many.items()


def test_several_regions_an_edge_without_data_and_every_class_somewhere(tmp_path):
    root = loveda_sample.write(tmp_path / "root", 8, 4, 32)
    masks = [read_mask(mask, 7) for split in ("Train", "Val") for _, mask in find_pairs(root, split)]
    assert all(len(np.unique(mask)) >= 4 for mask in masks)
    assert all((mask[:, :2] == 0).all() and (mask[:, 2:] > 0).all() for mask in masks)
    assert set(np.unique(masks)) == set(range(8))


def test_the_colour_tells_the_class(tmp_path):
    root = loveda_sample.write(tmp_path / "root", 4, 1, 32)
    for image, mask in find_pairs(root, "Train"):
        distance = np.linalg.norm(read_image(image)[..., None, :] - loveda_sample.COLOURS, axis=-1)
        truth = read_mask(mask, 7)
        assert np.mean(distance.argmin(-1)[truth > 0] + 1 == truth[truth > 0]) > 0.8


@pytest.mark.parametrize(("settings", "field"), [({"train": 0}, "train"), ({"validation": 0}, "validation"), ({"size": 7}, "size")])  # fmt: skip
def test_a_number_that_is_too_small_is_named(tmp_path, settings, field):
    with pytest.raises(ConfigError, match=rf"^{field} is .*; allowed: at least"):
        loveda_sample.write(tmp_path / "root", **settings)
    assert not (tmp_path / "root").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(ConfigError, match=r"root is .* not empty"):
        loveda_sample.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_command_writes_and_says_where(tmp_path, capsys):
    assert loveda_sample.main([str(tmp_path / "root")]) == 0
    assert str(tmp_path / "root") in capsys.readouterr().out
    assert len(find_pairs(tmp_path / "root", "Train")) == 24
    assert loveda_sample.main([str(tmp_path / "root")]) == 2
    assert loveda_sample.main([]) == 2
    assert "allowed: one new folder" in capsys.readouterr().err
