"""IoU and accuracy of classes, beside a version that counts pixel by pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from adalora import DataError
from experiments import overlap

NAMES = ("a", "b", "c", "d")
IGNORED = -100


def naive(predictions, labels):
    """Return the numbers from their definitions, class by class, over all pixels that have data."""
    seen = labels != IGNORED
    predictions, labels = predictions[seen], labels[seen]
    iou, accuracy = {}, {}
    for number, name in enumerate(NAMES):
        predicted, true = predictions == number, labels == number
        if (predicted | true).any():
            iou[f"IoU/{name}"] = (predicted & true).sum() / (predicted | true).sum()
        if true.any():
            accuracy[f"Acc/{name}"] = (predicted & true).sum() / true.sum()
    means = {"mIoU": np.mean(list(iou.values())), "mAcc": np.mean(list(accuracy.values()))}
    return {**means, "aAcc": np.mean(predictions == labels), **iou, **accuracy}


def scores(predictions, labels):
    tables = overlap.count(torch.tensor(predictions), torch.tensor(labels), len(NAMES), IGNORED)
    return overlap.overlap([table.numpy() for table in tables], NAMES)


def maps(values):
    return arrays.arrays(np.int64, (3, 2, 4), elements=st.sampled_from(values))


@given(maps([0, 1, 2, 3]), maps([IGNORED, 0, 1, 2, 3]))
def test_the_numbers_are_those_of_the_definitions(predictions, labels):
    if (labels == IGNORED).all():
        with pytest.raises(DataError, match="no pixel"):
            scores(predictions, labels)
    else:
        assert scores(predictions, labels) == pytest.approx(naive(predictions, labels))


def test_a_class_that_is_nowhere_counts_for_nothing():
    found = scores(np.array([[[0, 0, 1, 1]]]), np.array([[[0, 0, 1, 0]]]))
    assert found == pytest.approx(
        {
            "mIoU": 7 / 12,
            "aAcc": 3 / 4,
            "mAcc": 5 / 6,
            "IoU/a": 2 / 3,
            "IoU/b": 1 / 2,
            "Acc/a": 2 / 3,
            "Acc/b": 1,
        }
    )


def test_a_class_that_is_only_predicted_has_an_iou_of_zero_and_no_accuracy():
    found = scores(np.array([[[0, 2]]]), np.array([[[0, 0]]]))
    assert (found["IoU/c"], found["mIoU"], found["mAcc"]) == (0, 0.25, 0.5)
    assert "Acc/c" not in found


def test_images_are_added_up_whatever_the_batches():
    predictions, labels = np.arange(12).reshape(3, 1, 4) % 4, np.arange(12).reshape(3, 1, 4) % 3
    tables = [overlap.count(torch.tensor(p[None]), torch.tensor(t[None]), 4, IGNORED)[0].numpy()
              for p, t in zip(predictions, labels, strict=True)]  # fmt: skip
    assert overlap.overlap(tables, NAMES) == scores(predictions, labels)


def test_without_the_package_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(overlap, "import_module", missing)
    with pytest.raises(DataError, match=r'extra "metrics": python -m pip install "adalora\[metrics\]"'):
        overlap.require_torchmetrics()
